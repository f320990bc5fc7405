"""Which call produced a Ray object: known in the process that dispatched it, and told to others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Any

from chia_bypass.identity.position import Position
from chia_bypass.ray_private import REFERENCE_MODULES
from chia_bypass.values.kinds import DigestRules, Reference
from chia_bypass.values.redactor import Redactor

FOREIGN = "foreign"
"""Stands for the call of an object that no recorded call produced: a plain task's, an actor's."""


PLAIN_KNOWN = 50_000
"""So many names of results of plain actors and tasks are known at a time, those of the newest."""

PUT = "put:"
"""Begins the call of an object that ``ray.put`` stored; the digest of its content follows."""


def is_reference(value: object) -> bool:
    """Whether ``value`` is a Ray ObjectRef, without importing Ray."""
    kind = type(value)
    return kind.__name__ == "ObjectRef" and kind.__module__ in REFERENCE_MODULES


def task_of(returned: Any) -> bytes | None:
    """The id of the task that Ray has begun, by what it ``returned`` for it; None: unknown."""
    first: Any = returned[0] if isinstance(returned, list) and returned else returned
    return bytes(first.task_id().binary()) if is_reference(first) else None


class Producers:
    """The calls behind the references that a process has seen."""

    def __init__(
        self, ask: Callable[[bytes], Reference | None], rules: DigestRules = DigestRules.CONTENT
    ) -> None:
        """``ask`` finds a producer that another process made known, by the object's id; ``rules``
        are those by which the recording counts values.
        """
        self.rules = rules
        self._known: dict[bytes, Reference] = {}
        self._ids: dict[Reference, bytes] = {}
        self._plain: OrderedDict[bytes, str] = OrderedDict()
        """By task."""
        self._ask = ask

    def learn(self, returned: Any, call: str) -> None:
        """``returned`` (a reference or a list of them) is what Ray gave for ``call``."""
        references = returned if isinstance(returned, list) else [returned]
        for index, reference in enumerate(references):
            if is_reference(reference):
                self.learn_object(reference.binary(), Reference(call, index))

    def learn_plain(self, here: Position | None, what: str, task: bytes | None) -> None:
        """``here``, the plain task ``what``, or method of a plain actor, was begun as that task.

        What it returns has a name from now on, unless one of these is unknown.
        """
        if here is None or task is None:
            return
        self._plain[task] = here.plain(what)
        while len(self._plain) > PLAIN_KNOWN:
            self._plain.popitem(last=False)

    def learn_put(self, reference: Any, value: Any) -> None:
        """What ``ray.put`` stored counts by its content."""
        content = self.digest(value).hex()
        self.learn_object(reference.binary(), Reference(f"{PUT}{content}"))

    def digest(self, value: object, redactor: Redactor | None = None) -> bytes:
        """The digest of a value by the rules of the recording, references by what they are of."""
        from chia_bypass.values.digest import digest  # dear, and few processes come here

        return digest(value, reference=self.find, redactor=redactor, rules=self.rules).value

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

    def plain_name(self, reference: Any) -> str | None:
        """The name of ``reference``, if a plain task or actor returns it that was asked here."""
        if not self._plain or not is_reference(reference):
            return None
        return self._plain.get(reference.task_id().binary())

    def name_of(self, reference: Any) -> str | None:
        """The call behind ``reference``, or its name if a plain actor or task returns it."""
        return self.call_of(reference) or self.plain_name(reference)

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
