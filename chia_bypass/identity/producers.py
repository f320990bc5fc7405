"""Which call produced a Ray object: known in the process that dispatched it, and told to others."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any

from chia_bypass.ray_private import REFERENCE_MODULES
from chia_bypass.values.digest import digest
from chia_bypass.values.kinds import Reference

FOREIGN = "foreign"
"""Stands for the call of an object that no recorded call produced: a plain task's, an actor's."""


PUT = "put:"
"""Begins the call of an object that ``ray.put`` stored; the digest of its content follows."""


def is_reference(value: object) -> bool:
    """Whether ``value`` is a Ray ObjectRef, without importing Ray."""
    kind = type(value)
    return kind.__name__ == "ObjectRef" and kind.__module__ in REFERENCE_MODULES


class Producers:
    """The calls behind the references that a process has seen."""

    def __init__(self, ask: Callable[[bytes], Reference | None]) -> None:
        """``ask`` finds a producer that another process made known, by the object's id."""
        self._known: dict[bytes, Reference] = {}
        self._ids: dict[Reference, bytes] = {}
        self._ask = ask

    def learn(self, returned: Any, call: str) -> None:
        """``returned`` (a reference or a list of them) is what Ray gave for ``call``."""
        references = returned if isinstance(returned, list) else [returned]
        for index, reference in enumerate(references):
            if is_reference(reference):
                self.learn_object(reference.binary(), Reference(call, index))

    def learn_put(self, reference: Any, value: Any) -> None:
        """What ``ray.put`` stored counts by its content."""
        content = digest(value, reference=self.find).value.hex()
        self.learn_object(reference.binary(), Reference(f"{PUT}{content}"))

    def learn_object(self, object_id: bytes, reference: Reference) -> None:
        """The object with that id is what ``reference`` says."""
        self._known[object_id] = reference
        self._ids[reference] = object_id

    def call_of(self, reference: Any) -> str | None:
        """The call behind ``reference``, if it is one that this process knows of."""
        known = self._known.get(reference.binary()) if is_reference(reference) else None
        if known is None or known.call == FOREIGN or known.call.startswith(PUT):
            return None
        return known.call

    def find(self, value: object) -> Reference | None:
        """The producer of ``value`` if that is a reference, else None."""
        if not is_reference(value):
            return None
        object_id = value.binary()  # type: ignore[attr-defined]
        known = self._known.get(object_id)
        if known is None:
            known = self._ask(object_id) or Reference(FOREIGN)
            self._known[object_id] = known
        return known

    def ids_of(self, wanted: Collection[Reference]) -> tuple[tuple[bytes, str, int], ...]:
        """Object id, call and index of every known object that one of ``wanted`` names."""
        return tuple(
            (self._ids[reference], reference.call, reference.index)
            for reference in wanted
            if reference in self._ids
        )
