"""What simulated runs tell of a cluster: how long a loop would take, and what it waits for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import median

from chia_bypass.demands import is_of_node
from chia_bypass.look.analysis.graph import critical_path
from chia_bypass.look.analysis.timeline import Span
from chia_bypass.plan.cluster import Cluster
from chia_bypass.plan.program import Program
from chia_bypass.plan.run import Run
from chia_bypass.plan.simulation import Simulation

ORDERS = 20
"""Orders of the nodes that are tried: Ray itself is as uncertain."""
_MANY = 400_000
"""Calls in all that are simulated at most, where more than one order is tried."""
_SHORT = 0.001
"""Seconds below which nobody speaks of waiting."""


@dataclass(frozen=True, slots=True)
class Use:
    """One resource of the cluster in one run."""

    name: str
    offered: float
    used: float
    """Share of what was offered over the whole run."""
    waited: float
    """Seconds that calls waited for it, added up."""
    calls: int
    """How many calls."""
    longest: float
    """Seconds."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is to be expected of a cluster."""

    cluster: Cluster
    makespans: tuple[float, ...]
    """Seconds from the first dispatch to the end, with a worker for each CPU there already,
    sorted: one for each order of the nodes. Empty if the run never ends."""
    warm_up: float
    """Seconds that it takes longer where all workers must be started first."""
    recorded: float
    """Seconds that the recorded run took."""
    spans: tuple[Span, ...]
    """The calls of the run with the median makespan, which began at 0."""
    uses: tuple[Use, ...]
    critical: tuple[Span, ...]
    waits: tuple[tuple[str, float], ...]
    """By resource, the share of the makespan that the critical path waited for it."""
    stuck_at: float = 0.0
    """When nothing moved any more."""
    stuck: tuple[str, ...] = ()
    """What waits for ever; empty: the run ends."""
    guessed: bool = False
    """As that of the program."""
    left_out: int = 0

    @property
    def low(self) -> float:
        """Seconds of the shortest run."""
        return self.makespans[0]

    @property
    def high(self) -> float:
        """Seconds of the longest."""
        return self.makespans[-1]

    @property
    def makespan(self) -> float:
        """The median, in seconds."""
        return median(self.makespans)


def predict(program: Program, cluster: Cluster, orders: int = ORDERS) -> Prediction:
    """Simulate the program on the cluster, with several orders of its nodes."""
    count = max(1, min(orders, _MANY // max(len(program.works), 1)))
    runs: list[Run] = []
    for seed in range(count if len(cluster) > 1 else 1):
        run = Simulation(program, cluster, seed).carry_out()
        if run.stuck:
            return _told(program, run, (), 0.0)
        runs.append(run)
    runs.sort(key=lambda run: run.end)
    typical = runs[(len(runs) - 1) // 2]
    cold = Simulation(program, cluster, 0, warm=False).carry_out()
    warm = Simulation(program, cluster, 0).carry_out()
    return _told(program, typical, tuple(run.end for run in runs), max(cold.end - warm.end, 0.0))


def _told(program: Program, run: Run, makespans: tuple[float, ...], warm_up: float) -> Prediction:
    spans = spans_of(program, run)
    critical = tuple(critical_path(spans))
    return Prediction(
        cluster=run.cluster,
        makespans=makespans,
        warm_up=warm_up,
        recorded=_recorded(program),
        spans=tuple(spans),
        uses=tuple(_uses(program, run, spans)),
        critical=critical,
        waits=tuple(_waits(program, run, critical)),
        stuck_at=run.end if run.stuck else 0.0,
        stuck=run.stuck,
        guessed=program.guessed,
        left_out=program.left_out,
    )


def _recorded(program: Program) -> float:
    spans = [work.span for work in program.works]
    begin = min((span.dispatched for span in spans), default=0.0)
    return max((span.finished for span in spans), default=0.0) - begin


def spans_of(program: Program, run: Run) -> list[Span]:
    """The calls that ended, as those of a recording are: hosts are called after node types."""
    found = []
    for call, work in enumerate(program.works):
        if run.finished[call] < 0:
            continue
        node = run.nodes[call]
        host = f"{run.kinds[node]} {node}"
        times = (run.dispatched[call], run.started[call], run.finished[call])
        found.append(_moved(work.span, times, host, run.slots[call]))
    return sorted(found, key=lambda span: span.started)


def _moved(span: Span, times: tuple[float, float, float], host: str, pid: int) -> Span:
    dispatched, started, finished = times
    return replace(
        span,
        dispatched=dispatched,
        started=started,
        finished=finished,
        host=host,
        node=host,
        pid=pid,
    )


def _uses(program: Program, run: Run, spans: Sequence[Span]) -> Iterable[Use]:
    offered: defaultdict[str, float] = defaultdict(float)
    for kind in run.cluster.types:
        for name, amount in kind.offers.items():
            if not is_of_node(name):
                offered[name] += amount * kind.count
    busy: defaultdict[str, float] = defaultdict(float)
    for span in spans:
        for name, amount in span.resources.items():
            busy[name] += amount * span.seconds
    waited: defaultdict[str, list[float]] = defaultdict(list)
    for call in range(len(program.works)):
        seconds = run.granted[call] - run.ready[call]
        if run.scarce[call] and run.granted[call] >= 0 and seconds > _SHORT:
            waited[run.scarce[call]].append(seconds)
    for name in sorted({*offered, *waited}, key=lambda name: -sum(waited[name])):
        if not busy[name] and not waited[name]:
            continue
        whole = 0.0 if name in run.cluster.unsaid else offered[name]
        share = busy[name] / (whole * run.end) if whole and run.end else 0.0
        times = waited[name]
        yield Use(name, whole, share, sum(times), len(times), max(times, default=0.0))


def _waits(program: Program, run: Run, critical: Sequence[Span]) -> Iterable[tuple[str, float]]:
    """Calls of the path may have waited at the same time: no moment counts twice."""
    number = {work.span.path: call for call, work in enumerate(program.works)}
    found: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)
    for span in critical:
        call = number[span.path]
        if run.scarce[call] and run.granted[call] - run.ready[call] > _SHORT:
            found[run.scarce[call]].append((run.ready[call], run.granted[call]))
    shares = ((name, _covered(times) / run.end) for name, times in found.items() if run.end)
    return sorted(shares, key=lambda item: -item[1])


def _covered(times: list[tuple[float, float]]) -> float:
    """Seconds in at least one of the intervals."""
    total, end = 0.0, float("-inf")
    for begin, until in sorted(times):
        total += max(until - max(begin, end), 0.0)
        end = max(end, until)
    return total
