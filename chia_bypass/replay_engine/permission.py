"""Whether a replay can run anything for real, and whether it may."""

from __future__ import annotations

from collections.abc import Iterator

from chia_bypass.bypass.config import BypassConfig
from chia_bypass.errors import RealRunRefused
from chia_bypass.names import short_name
from chia_bypass.replay_engine.context import ReplayContext
from chia_bypass.replay_engine.policy import OnMiss, Policy
from chia_bypass.session import Session


def serves_everything(session: Session) -> bool:
    """Whether no call at all may run for real in this replay: each is served or a miss."""
    from chia_bypass.bypass.parser import load_config  # few processes ask

    return serves_all(Policy.of_session(session), load_config(session.yaml))


def serves_all(policy: Policy, yaml: BypassConfig) -> bool:
    """The same, of a policy and a YAML."""
    return policy.serves_only and all(e.bypass and e.tags is None for e in yaml.entries.values())


def refuse_asked(context: ReplayContext) -> None:
    """Raise RealRunRefused if something was asked to run for real on resources that we invented.

    Before anything is dispatched: a real build meant for a lab machine must not run on the laptop
    that pretends to be it. What ``--allow-local`` exempts is told call by call.
    """
    if not context.invented or context.policy.allow_local:
        return
    for asked, function in _asked(context.policy, context.config):
        raise refused(context, function, asked=asked)


def _asked(policy: Policy, yaml: BypassConfig) -> Iterator[tuple[str, str]]:
    """What lets calls run for real, and of which function; ``*``: of any."""
    if policy.on_miss is not OnMiss.FAIL:
        yield policy.say(on_miss=policy.on_miss.value), "*"
    yield from ((policy.say(live=[glob]), glob) for glob in policy.live)
    if not policy.serves_only:
        yield "an option", "*"
    for name, entry in yaml.entries.items():
        if not entry.bypass:
            yield f"'{name}: false' in {yaml.path}", name
        elif entry.tags is not None:
            yield f"'tags' of {name} in {yaml.path}", name


def refused(
    context: ReplayContext, function: str, tag: str | None = None, *, asked: str = ""
) -> RealRunRefused:
    """Why ``function`` must not run here; ``asked``: what asked for it."""
    say = context.policy.say
    why = f"this Ray only pretends to have {', '.join(sorted(context.invented))}"
    return RealRunRefused(
        function if function != "*" else "the loop",
        tag,
        f"{asked} would run it for real, and {why}" if asked else why,
        f"Name a cluster that has them with {say(address='ADDRESS')}, or, if it only computes, use "
        f"{say(allow_local=[short_name(function)])}",
    )
