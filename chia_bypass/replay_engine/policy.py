"""What a replay may do, as its options and the YAML say."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from enum import Enum

from chia_bypass.bypass.config import Entry, Match, Repeats
from chia_bypass.names import tag_fits
from chia_bypass.options import COMMAND_LINE, NamedCalls, Phrasing, ReplayOptions
from chia_bypass.options import Cut as Cut
from chia_bypass.recording.redaction import NO_RULES, Redaction
from chia_bypass.replay_engine.faults import FaultPlan
from chia_bypass.replay_engine.recorded_calls import Rule
from chia_bypass.session import Session
from chia_bypass.values.kinds import DigestRules


class OnMiss(str, Enum):
    """What happens to a call that the recording cannot answer."""

    FAIL = "fail"
    """It is an error, and nothing runs for real any more."""
    RUN = "run"
    """It runs for real."""
    RECORD = "record"
    """It runs for real, and so does what was asked for; all of it is added to the recording."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The options of one replay. What runs for real is decided in `decision`."""

    strict: bool = False
    """``--args strict``: tagged calls, too, must have the recorded arguments."""
    match: Match | None = None
    """``--match``: for all functions, over the YAML."""
    on_miss: OnMiss = OnMiss.FAIL
    """``--on-miss``."""
    only: tuple[str, ...] = ()
    """``--only``: globs of the functions that are served; empty: all that the YAML serves."""
    live: tuple[str, ...] = ()
    """``--live``: globs of functions that run for real."""
    live_calls: frozenset[str] = frozenset()
    """``--live``: recorded calls that run for real, by path."""
    live_tags: tuple[str, ...] = ()
    """``--live-tags``: regexes of tags whose calls run for real."""
    live_from: Cut | None = None
    """``--live-from``."""
    redo: tuple[Cut, ...] = ()
    """``--redo``: calls that run again, with what was dispatched after they had finished."""
    rerun_exceptions: bool = False
    """``--rerun-failed``: calls that raised run again."""
    rerun_failures: bool = False
    """So do those whose value means failure by ``failed:`` in the YAML; always on `resume`."""
    stale: tuple[str, ...] = ()
    """``--stale``: globs of functions that may meet a state which a replay has not kept up."""
    infrastructure: bool = False
    """``--replay-ray-errors``: recorded errors of Ray's own are raised again."""
    free_order: bool = False
    """``--order free``: calls finish in whatever order they do."""
    patience: float = ReplayOptions().patience
    """``--patience``: seconds without any progress that a call waits for another one's turn."""
    checks_inputs: bool = True
    """Not ``--ignore-inputs``: what a call reads must be what it read."""
    limits: tuple[int, int] = ReplayOptions().inputs_limits
    """``--inputs-limit``: entries and bytes that are compared for one call."""
    latency: float = 0.0
    """``--latency``: how much of its recorded duration a served call takes."""
    allow_local: tuple[str, ...] = ()
    """``--allow-local``: globs of functions that may run for real on invented resources."""
    allow_import: tuple[str, ...] = ()
    """``--allow-import``: modules that may be imported to rebuild values."""
    allow_pickle: bool = False
    """``--allow-pickle``: unpickle what was kept as pickle, which runs code of the recording."""
    foreign: bool = False
    """The recording is not this user's: its values are rebuilt only if that runs no code."""
    closed: bool = True
    """A function that the YAML does not list is a miss; False: it runs for real, as the
    bypass runtime by itself has it."""

    puts_back: bool = False
    """Files that served calls had left are put back where they were."""
    faults: FaultPlan = field(default_factory=FaultPlan)
    """``--fault``: which served calls break."""
    say: Phrasing = COMMAND_LINE
    """How messages say these options."""
    redaction: Redaction = NO_RULES
    """The rules under which the calls were recorded: their digests know nothing else."""
    digest_rules: DigestRules = DigestRules.CONTENT
    """What counts in the digests of the recording."""

    @staticmethod
    def of(
        options: ReplayOptions,
        calls: NamedCalls,
        *,
        resume: bool,
        redaction: Redaction = NO_RULES,
        foreign: bool = False,
    ) -> Policy:
        """From what a user said; ``calls`` are those that the options name."""
        return Policy(
            strict=options.args == "strict",
            match=None if options.match is None else Match(options.match),
            on_miss=OnMiss(options.on_miss),
            only=tuple(options.only),
            live=tuple(options.live_functions),
            live_calls=frozenset(calls.live),
            live_tags=tuple(options.live_tags),
            live_from=calls.live_from,
            redo=tuple(calls.redo),
            rerun_exceptions=options.rerun_failed,
            rerun_failures=options.rerun_failed or resume,
            stale=tuple(options.stale),
            infrastructure=options.replay_ray_errors,
            free_order=options.order == "free" or options.cluster is not None,
            patience=options.patience,
            checks_inputs=not options.ignore_inputs,
            limits=options.inputs_limits,
            latency=float(options.latency),
            allow_local=tuple(options.allow_local),
            allow_import=tuple(options.allow_import),
            allow_pickle=options.allow_pickle,
            redaction=redaction,
            foreign=foreign,
            faults=FaultPlan.of(calls.faults, calls.faulted, options.fault_seed),
        )

    @staticmethod
    def of_session(session: Session) -> Policy:
        """From what a command tells its drivers."""
        redaction = Redaction.of(session.record)
        policy = Policy.of(
            session.replay,
            session.calls,
            resume=session.resume,
            redaction=redaction,
            foreign=session.foreign,
        )
        return replace(
            policy,
            puts_back=session.puts_back,
            say=Phrasing(session.keywords),
            digest_rules=DigestRules.of(session.digest_rules),
        )

    @property
    def trusted(self) -> tuple[str, ...] | None:
        """The modules whose classes may run code when values are rebuilt; None: all."""
        if not self.foreign:
            return None
        of_ray = ("ray.exceptions",) if self.infrastructure else ()
        return (*self.allow_import, *of_ray)

    @property
    def serves_only(self) -> bool:
        """Whether no option lets anything run for real; the YAML may yet."""
        asked = (self.only, self.live, self.live_calls, self.live_tags, self.live_from, self.redo)
        rerun = self.rerun_exceptions or self.rerun_failures
        return self.closed and self.on_miss is OnMiss.FAIL and not rerun and not any(asked)

    def rule(self, entry: Entry | None) -> Rule:
        """How the calls of the function with this entry are matched."""
        entry = entry or Entry()
        return Rule(
            match=self.match or entry.match or Match.ARGUMENTS,
            ignored=frozenset(entry.ignore_args),
            repeats_last=entry.repeats is Repeats.LAST,
            strict=self.strict,
            was=entry.was,
        )


def serves(entry: Entry, tag: str | None) -> bool:
    """Whether the YAML wants a call with this tag served: by its flag and its tag patterns."""
    return entry.bypass and (entry.tags is None or tag_fits(tag, entry.tags))
