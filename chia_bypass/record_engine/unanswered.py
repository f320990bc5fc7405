"""Calls whose workers can tell nothing of them: what dispatched them says how they went.

A call that was cancelled while it was queued never reaches a worker, one that was cancelled by
force takes its worker along, and of one whose worker died only the error of Ray's is left.
"""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from math import inf, nextafter
from typing import Final

from chia_bypass.engine import Unanswered
from chia_bypass.errors import CannotKeep
from chia_bypass.record_engine.raised import as_ray_told
from chia_bypass.record_engine.sinks import Sink
from chia_bypass.recording.records import Call, Outcome, Result
from chia_bypass.recording.redaction import Redaction
from chia_bypass.recording.schema import unpack
from chia_bypass.values.encode import Encoded, encode

REMEMBERED: Final = 20_000
"""Calls that one process remembers, a kilobyte each: those that it dispatched last."""
_OUTCOMES: Final = {
    Unanswered.CANCELLED: Outcome.CANCELLED,
    Unanswered.RESUBMITTED: Outcome.RESUBMITTED,
    Unanswered.INTERRUPTED: Outcome.CANCELLED,
    Unanswered.LOST: Outcome.EXCEPTION,
}
_RETRIES: Final = 3
"""Ray's default of ``max_retries`` of a task."""


class UnansweredCalls:
    """Those that one process dispatched."""

    def __init__(self, sink: Sink, redaction: Redaction, failed: Callable[[str], None]) -> None:
        """``failed`` is told what could not be written."""
        self._sink, self._redaction, self._failed = sink, redaction, failed
        self._dispatched: OrderedDict[str, bytes] = OrderedDict()
        self._cancelled: dict[str, float] = {}
        """When this process cancelled calls, in seconds since the epoch."""

    def dispatched(self, path: str, packed: bytes) -> None:
        """Remember a call."""
        self._dispatched[path] = packed
        if len(self._dispatched) > REMEMBERED:
            forgotten, _ = self._dispatched.popitem(last=False)
            self._cancelled.pop(forgotten, None)

    def note(self, path: str, how: Unanswered, error: BaseException | None) -> None:
        """Keep how the call at ``path`` went, if this process dispatched it.

        Once; but of one that was cancelled, how Ray told it, too.
        """
        packed = self._dispatched.get(path)
        if packed is None:
            return
        now, cancelled = time.time(), self._cancelled.get(path)
        if how is Unanswered.INTERRUPTED:
            if cancelled is None:
                return  # the error is one of a call that it made, as its worker notes
            now = nextafter(cancelled, inf)  # whatever its worker has noted since then counts
        elif how is not Unanswered.LOST and cancelled is not None:
            return
        if how is Unanswered.CANCELLED:
            self._cancelled[path] = now
        else:
            del self._dispatched[path]
            self._cancelled.pop(path, None)
        outcome = _OUTCOMES[how] if cancelled is None else Outcome.CANCELLED
        call = unpack(packed)
        assert isinstance(call, Call)
        try:
            self._sink.keep(*self._described(call, outcome, now, error))
        except Exception as failure:  # the user's run goes on, and the recording says what it lacks
            self._failed(f"{path} ({call.function}): {type(failure).__name__}: {failure}")

    def _described(
        self, call: Call, outcome: Outcome, now: float, error: BaseException | None
    ) -> tuple[Result, Encoded | None]:
        described = partial(
            Result,
            call=call,
            attempt=_last_attempt(call) if outcome is Outcome.EXCEPTION else 0,
            outcome=outcome,
            started=now,
            finished=now,
            node="",
            host=socket.gethostname(),
        )
        if error is None:
            return described(pid=os.getpid()), None
        told = as_ray_told(error, self._redaction, call.function)
        if told is None:
            trace = "".join(traceback.format_exception_only(error))
            described = partial(
                described,
                pid=os.getpid(),
                traceback=self._redaction.shown(trace, call.function),
            )
        else:
            error = told.error
            described = partial(
                described, pid=told.pid, traceback=told.traceback, raised=told.raised
            )
        try:
            encoded = encode(error, redactor=self._redaction.redactor(call.function))
        except CannotKeep:
            encoded = encode(str(error))
        result = described(
            type=f"{type(error).__module__}:{type(error).__qualname__}",
            shown=self._redaction.rendered(error, call.function),
        )
        return result, encoded


def _last_attempt(call: Call) -> int:
    """A number above those of all attempts that workers may have noted."""
    retries = call.options.get("max_retries")
    return 1 + max(retries if isinstance(retries, int) else _RETRIES, 0)
