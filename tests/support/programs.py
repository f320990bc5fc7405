"""Programs that tests write down, and what they need around them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from chia_bypass.look.analysis.timeline import Span
from chia_bypass.plan.cluster import Cluster, NodeType
from chia_bypass.plan.program import Do, Group, Lane, Program, Shape, Step, Work


def span(number: int, function: str = "m:f") -> Span:
    path = f"loop.0/{number}"
    name = f"{function.partition(':')[2]}#{number}"
    told = ("value", "", "", 0, "h", "n", 1)
    return Span(path, "loop.0", function, name, None, 0.0, 0.0, 1.0, *told, {}, ())


def call(
    number: int, seconds: float, shape: int = 0, *, needs: Sequence[int] = (), function: str = "m:f"
) -> Work:
    return Work(span(number, function), shape, tuple(needs), (thinks(seconds),))


def thinks(seconds: float) -> Lane:
    return (Step(Do.THINK, seconds),)


def goes(*numbers: int) -> list[Step]:
    return [Step(Do.DISPATCH, which=number) for number in numbers]


def awaits(*numbers: int) -> Step:
    return Step(Do.ALL, calls=numbers)


def program(
    works: Sequence[Work],
    steps: Sequence[Step],
    shapes: Sequence[Shape] = (Shape({"CPU": 1.0}),),
    groups: Sequence[Group] = (),
) -> Program:
    """One on a Ray that knows at once where there is room: times can be worked out by hand."""
    drivers = (("loop.0", 0.0, (tuple(steps),)),)
    return Program(tuple(works), tuple(shapes), drivers, tuple(groups), news=0.0, retry=0.0)


def cluster(*nodes: Mapping[str, float]) -> Cluster:
    """The head first."""
    types = (NodeType(f"t{n}", 1, node, head=n == 0) for n, node in enumerate(nodes))
    return Cluster("c.yaml", tuple(types))
