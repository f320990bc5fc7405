"""Noting which methods of plain actors a recorded call calls: a resumed run may call them again.

Served calls do nothing to the actors that they are given. What they had done is therefore noted
here, method by method, by whichever process does it on their behalf.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from chia_bypass import ray_private
from chia_bypass.errors import CannotKeep
from chia_bypass.recording.records import ActorMethod
from chia_bypass.recording.redaction import Redaction
from chia_bypass.values.encode import encode
from chia_bypass.values.redactor import Redactor

MOST: Final = 1_000
"""Notes of one call: it may call a method in a loop that runs for hours."""
LARGEST: Final = 1 << 20
"""Bytes of the arguments of one method call that are kept."""
_OF_NO_LOOP: Final = ("chia.base.", "chia_bypass.")
"""Modules whose actors keep books of calls: CHIA's of the processes that they start."""


def is_book_keeping(actor: Any) -> bool:
    """Whether the actor behind a handle is none that a loop has started for itself."""
    return ray_private.actor_class_name(actor).startswith(_OF_NO_LOOP)


class ActorNotes:
    """Makes those of one process."""

    def __init__(self, redaction: Redaction, write: Callable[[ActorMethod], None]) -> None:
        """``write`` makes sure that a note is there before the result of its call is."""
        self._redaction, self._write = redaction, write
        self._numbers: Counter[str] = Counter()

    def note(self, caller: str, actor: str, method: str, args: Any, kwargs: Any) -> None:
        """``caller`` is about to call ``method`` of the actor at that path."""
        number = self._numbers[caller]
        if number > MOST:
            return
        self._numbers[caller] += 1
        if number == MOST:
            reason = f"{caller} called more than {MOST} methods of actors"
            self._write(ActorMethod(caller, number, actor, method, time.time(), reason=reason))
        else:
            self._write(self._described(caller, number, actor, method, args, kwargs))

    def _described(
        self, caller: str, number: int, actor: str, method: str, args: Any, kwargs: Any
    ) -> ActorMethod:
        now = time.time()
        patterns = tuple(rule.pattern for rule in self._redaction.rules)
        redactor = Redactor(patterns) if patterns else None
        try:
            pair = (tuple(args or ()), dict(kwargs or {}))
            encoded = encode(pair, place="arguments", redactor=redactor)
        except CannotKeep as refused:
            reason = self._redaction.shown(str(refused), "*")
            return ActorMethod(caller, number, actor, method, now, reason=reason)
        size = len(encoded.document) + sum(len(buffer.data) for buffer in encoded.buffers)
        reason = f"its arguments have {size} bytes, and {LARGEST} are kept"
        if redactor is not None and redactor.count:
            reason = "a rule of --redact has changed its arguments"
        elif size <= LARGEST:
            return ActorMethod(
                caller,
                number,
                actor,
                method,
                now,
                encoded.document,
                tuple(bytes(buffer.data) for buffer in encoded.buffers),
                encoded.classes,
                encoded.pickled,
            )
        return ActorMethod(caller, number, actor, method, now, reason=reason)
