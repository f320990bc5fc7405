"""How well simulated runs foretell real ones: programs drawn by chance, carried out on real nodes.

    PYTHONPATH=tests python tests/plan/accuracy.py [--first 1] [--count 21] [--runs 3]

Each program is drawn from its seed alone, by `draw`, and no rule or number of the simulation was
chosen with any of them in view. It is carried out on lean nodes of this machine, once before it is
measured, so that its workers are there: its calls sleep. What is predicted is the mean over 20
orders of the nodes, what is measured the mean of the runs. ACCURACY.md has the figures.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator, Sequence
from statistics import mean, median
from typing import Any

import ray
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy
from support.programs import awaits, goes, span
from support.programs import cluster as cluster_of

from chia_bypass.plan.prediction import predict
from chia_bypass.plan.program import Do, Group, Lane, Program, Shape, Step, Work

NODES: tuple[dict[str, float], ...] = (
    {"CPU": 2.0},
    {"CPU": 4.0, "lic": 1.0},
    {"CPU": 2.0, "lic": 2.0},
    {"CPU": 1.0},
    {"CPU": 3.0, "sim": 2.0},
)
KINDS = ("flat", "inputs", "window", "nested", "groups")


def draw(seed: int, dispatch: float) -> tuple[str, Program]:
    """A program and which kind it is."""
    chance = random.Random(seed)
    kind = KINDS[seed % len(KINDS)]
    shapes = [Shape({"CPU": 1.0}), Shape({"CPU": 2.0}), Shape({"CPU": 1.0}, spread=True)]
    shapes += [Shape({"CPU": 1.0, "lic": 1.0}), Shape({"sim": 1.0})]
    count = chance.randrange(20, 36)
    works = [
        Work(
            span(number),
            chance.choices(range(5), (6, 2, 2, 2, 1))[0],
            _inputs(number, chance) if kind == "inputs" else (),
            ((Step(Do.THINK, chance.uniform(0.3, 1.5)),),),
        )
        for number in range(count)
    ]
    groups: list[Group] = []
    if kind == "nested":
        steps = _nested(works, chance)
    elif kind == "groups":
        steps = _grouped(works, shapes, groups, chance)
    elif kind == "window":
        steps = _window(count, chance)
    else:
        steps = [*goes(*range(count)), awaits(*range(count))]
    drivers = (("loop.0", 0.0, (tuple(steps),)),)
    return kind, Program(tuple(works), tuple(shapes), drivers, tuple(groups), dispatch)


def _inputs(number: int, chance: random.Random) -> tuple[int, ...]:
    wanted = chance.randrange(3) if number else 0
    return tuple(sorted({chance.randrange(number) for _ in range(wanted)}))


def _window(count: int, chance: random.Random) -> list[Step]:
    """As many at a time, and one more whenever some are done."""
    width, few = chance.randrange(4, 10), chance.randrange(1, 3)
    steps, sent = goes(*range(width)), width
    while sent < count:
        more = min(few, count - sent)
        steps += [Step(Do.ANY, more), Step(Do.THINK, 0.05), *goes(*range(sent, sent + more))]
        sent += more
    return [*steps, awaits(*range(count))]


def _nested(works: list[Work], chance: random.Random) -> list[Step]:
    """Some calls dispatch others and wait for them."""
    parents = range(0, len(works), 4)
    for parent in parents:
        below = [n for n in range(parent + 1, parent + 4) if n < len(works)]
        inner = [Step(Do.THINK, chance.uniform(0.1, 0.5)), *goes(*below), awaits(*below)]
        works[parent] = Work(works[parent].span, 0, (), (tuple(inner),))
    return [*goes(*parents), awaits(*parents)]


def _grouped(
    works: list[Work], shapes: list[Shape], groups: list[Group], chance: random.Random
) -> list[Step]:
    """Three groups one after the other, and calls in and beside them."""
    steps: list[Step] = []
    for number in range(3):
        strategy = chance.choice(("PACK", "SPREAD", "STRICT_SPREAD"))
        groups.append(Group(f"g{number}", ({"CPU": 1.0},) * chance.randrange(2, 4), strategy))
        shapes.append(Shape({"CPU": 1.0}, group=number))
        mine = range(number, len(works), 3)
        for call in mine:
            if chance.random() < 0.6:
                works[call] = Work(works[call].span, len(shapes) - 1, (), works[call].lanes)
        steps += [Step(Do.MAKE, which=number), *goes(*mine), awaits(*mine)]
        steps.append(Step(Do.DROP, which=number))
    return steps


class Performer:
    """Carries the steps of a lane out on the Ray that this process is connected to."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._references: dict[int, Any] = {}
        self._left: dict[Any, int] = {}
        self._groups: dict[int, Any] = {}

    def carry_out(self, lane: Lane) -> None:
        """All of them."""
        for step in lane:
            if step.do is Do.THINK:
                time.sleep(step.amount)
            elif step.do is Do.DISPATCH:
                self._dispatch(step.which)
            elif step.do is Do.ALL:
                ray.get([self._references[call] for call in step.calls])
                for call in step.calls:
                    self._left.pop(self._references[call], None)
            elif step.do is Do.ANY:
                for reference in ray.wait(list(self._left), num_returns=int(step.amount))[0]:
                    del self._left[reference]
            elif step.do is Do.MAKE:
                group = self._program.groups[step.which]
                bundles = [dict(bundle) for bundle in group.bundles]
                self._groups[step.which] = ray.util.placement_group(bundles, group.strategy)
            else:
                ray.util.remove_placement_group(self._groups.pop(step.which))

    def _dispatch(self, call: int) -> None:
        work = self._program.works[call]
        shape = self._program.shapes[work.shape]
        options: dict[str, Any] = {"num_cpus": shape.asks.get("CPU", 0)}
        options["resources"] = {n: a for n, a in shape.asks.items() if n != "CPU"}
        if shape.spread:
            options["scheduling_strategy"] = "SPREAD"
        if shape.group >= 0:
            group = self._groups[shape.group]
            options["scheduling_strategy"] = PlacementGroupSchedulingStrategy(group)
        inputs = [self._references[n] for n in work.needs]
        inner = None if len(work.lanes[0]) == 1 else self._program
        reference = _call.options(**options).remote((work.lanes[0], inner), *inputs)
        self._references[call] = reference
        self._left[reference] = call


@ray.remote
def _call(sent: tuple[Lane, Program | None], *inputs: object) -> None:
    lane, program = sent
    if program is None:
        time.sleep(lane[0].amount)
    else:
        Performer(program).carry_out(lane)


def warm_up() -> float:
    """Start two workers for each CPU, which stay; returns the usual seconds of an empty call."""
    cpus = int(sum(node["CPU"] for node in NODES))
    for _ in range(2):
        ray.get([_sleep(3.0, num_cpus=0.5) for _ in range(2 * cpus)])
    times = []
    for _ in range(20):
        begun = time.perf_counter()
        ray.get(_sleep(0.0))
        times.append(time.perf_counter() - begun)
    return median(times)


def _sleep(seconds: float, **options: Any) -> Any:
    return _call.options(**options).remote(((Step(Do.THINK, seconds),), None))


def measured(first: int, count: int, runs: int) -> Iterator[tuple[int, str, float, float, float]]:
    """Seed, kind, predicted and measured seconds, and how far the runs were apart."""
    dispatch = warm_up()
    on = cluster_of(*NODES)
    for seed in range(first, first + count):
        kind, program = draw(seed, dispatch)
        predicted = mean(predict(program, on).makespans)
        times = []
        for _ in range(1 + runs):
            begun = time.perf_counter()
            Performer(program).carry_out(program.drivers[0][2][0])
            times.append(time.perf_counter() - begun)
        del times[0]  # which started the workers that were not there yet
        yield seed, kind, predicted, mean(times), max(times) - min(times)


def start(folder: str) -> None:
    """A Ray with NODES, as a rehearsal has it."""
    from chia_bypass.driver import local_nodes

    store = 100 * 1024**2
    ray.init(
        address="local",
        num_cpus=int(NODES[0]["CPU"]),
        include_dashboard=False,
        logging_level="ERROR",
        object_store_memory=store,
        _temp_dir=folder,
        _system_config={
            "prestart_worker_first_driver": False,
            "enable_worker_prestart": False,
            "num_workers_soft_limit": 100,  # none is ended between two programs
        },
    )
    local_nodes.add(NODES[1:], store)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print a row a program, and a summary."""
    parser = argparse.ArgumentParser()
    for name, default in (("first", 1), ("count", 21), ("runs", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    given = parser.parse_args(arguments)
    errors = []
    with tempfile.TemporaryDirectory(prefix="acc", ignore_cleanup_errors=True) as folder:
        start(folder)
        for seed, kind, predicted, real, apart in measured(given.first, given.count, given.runs):
            error = predicted / real - 1
            errors.append(abs(error))
            row = f"| {seed} | {kind} | {predicted:.2f} | {real:.2f} | {apart:.2f} | {error:+.1%} |"
            print(row, flush=True)
        ray.shutdown()
    within = sum(error <= 0.1 for error in errors)
    print(f"median error {median(errors):.1%}, within 10 %: {within} of {len(errors)}")


if __name__ == "__main__":
    main()
