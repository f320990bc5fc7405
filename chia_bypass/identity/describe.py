"""From a dispatch to the record of a call: its name, its arguments' digests, its options."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chia_bypass.engine import Dispatch
from chia_bypass.identity.handles import Given, actor_of
from chia_bypass.identity.position import Position
from chia_bypass.identity.producers import Producers, is_reference
from chia_bypass.names import function_name
from chia_bypass.recording.records import Argument, Call
from chia_bypass.recording.redaction import NO_RULES, Redaction
from chia_bypass.values.code import code_digest
from chia_bypass.values.digest import bind, digest, source_digest
from chia_bypass.values.kinds import DigestRules, Reference
from chia_bypass.values.signatures import Bound

_STRATEGY = "scheduling_strategy"
_ENVIRONMENT = "runtime_env"


def describe(
    dispatch: Dispatch,
    position: Position,
    producers: Producers,
    now: float,
    redaction: Redaction = NO_RULES,
    given: dict[Given, Any] | None = None,
) -> Call:
    """Name one more dispatch at ``position``; ``now`` is when, in Unix seconds.

    The rules of ``redaction`` are applied before digests are taken. ``given``, if there is one,
    receives the actors that the call is given, each with a handle of it, or what stands for one.
    """
    parent = position.parent
    number = position.next_number()
    function = function_name(dispatch.function)
    arguments, unstable = _arguments(dispatch, producers, redaction, function, given)
    return Call(
        path=f"{parent.path}/{number}",
        parent=parent.path,
        number=number,
        function=function,
        tag=dispatch.tag,
        lane=position.lane,
        arguments=arguments,
        options=shown_options(dispatch.options),
        source=source_digest(dispatch.function),
        dispatched=now,
        unstable=unstable,
        code=code_digest(dispatch.function),
    )


def _arguments(
    dispatch: Dispatch,
    producers: Producers,
    redaction: Redaction,
    function: str,
    given: dict[Given, Any] | None,
) -> tuple[tuple[Argument, ...], tuple[str, ...]]:
    arguments: list[Argument] = []
    unstable: list[str] = []
    redactor = redaction.redactor(function)
    for name, value in _counted(dispatch, producers.rules):
        found: list[Reference] = []

        def reference(item: object, found: list[Reference] = found) -> Reference | None:
            producer = producers.find(item)
            if producer is not None:
                found.append(producer)
            elif given is not None and (actor := actor_of(item)) is not None:
                given.setdefault(actor, item)
            return producer

        summary = digest(
            value, reference=reference, place=name, redactor=redactor, rules=producers.rules
        )
        unstable.extend(redaction.shown(place, function) for place in summary.unstable)
        shown = _shown(name, value, found, redaction, function)
        references = tuple(dict.fromkeys(found))
        arguments.append(
            Argument(name, summary.value, shown, references, summary.parts, summary.masked)
        )
    return tuple(arguments), tuple(unstable)


def _counted(dispatch: Dispatch, rules: DigestRules) -> Bound:
    """The arguments, and the environment in which the function is to run, like one of them."""
    bound = bind(dispatch.function, dispatch.args, dispatch.kwargs)
    environment = dispatch.options.get(_ENVIRONMENT)
    if not environment or rules < DigestRules.CONTENT or _ENVIRONMENT in dict(bound):
        return bound
    return (*bound, (_ENVIRONMENT, environment))


def _shown(
    name: str, value: object, found: list[Reference], redaction: Redaction, function: str
) -> str:
    if found and is_reference(value):
        return f"result of {found[0].call}"
    if name == _ENVIRONMENT:
        return str(_plain_option(name, value))
    return redaction.rendered(value, function, name=name)


def shown_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """The options of a call as a record keeps them: what schedulers and people want to know."""
    return {name: _plain_option(name, value) for name, value in options.items()}


def _plain_option(name: str, value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, Mapping):
        if name == "runtime_env":
            return sorted(map(str, value))  # names only: values may be secrets
        return {str(key): _plain_option("", item) for key, item in value.items()}
    if name == _STRATEGY:
        return _strategy(value)
    return NO_RULES.rendered(value, "")


def _strategy(value: Any) -> Any:
    """A scheduling strategy as kind and facts: ``{"PlacementGroup": "ab12…", "bundle": 0}``."""
    group = getattr(value, "placement_group", None)
    if group is not None:
        facts: dict[str, Any] = {"PlacementGroup": str(group.id.hex())}
        facts["bundle"] = value.placement_group_bundle_index
        return facts
    node = getattr(value, "node_id", None)
    if node is not None:
        return {"NodeAffinity": str(node), "soft": bool(value.soft)}
    return type(value).__name__
