"""Calls that were taken for served, and whose value was not rebuilt after all: they are misses."""

from __future__ import annotations

from typing import Final

from ray.exceptions import NodeDiedError, OutOfMemoryError, WorkerCrashedError

from chia_bypass.engine import Unanswered
from chia_bypass.errors import Miss
from chia_bypass.fault_rules import FaultKind
from chia_bypass.names import short_name
from chia_bypass.options import Phrasing
from chia_bypass.recording.records import Outcome
from chia_bypass.replay_engine.answers import Answers
from chia_bypass.replay_engine.events import Event, Kind, Outcomes
from chia_bypass.replay_engine.miss_reasons import MissReason

_DEATHS: Final = (WorkerCrashedError, OutOfMemoryError, NodeDiedError)
_OF_RAY: Final = "ray.exceptions:"


def not_rebuilt(
    function: str, tag: str | None, recorded: str, detail: str, say: Phrasing
) -> tuple[Miss, Event]:
    """The error and the note of the miss; ``recorded`` is the path of the recorded call."""
    key, reason = short_name(function), MissReason.NOT_REBUILT.value
    remedy = f"Run it for real with {say(live=[key])}, or record the loop again"
    parent = recorded.rpartition("/")[0]
    error = Miss(function, tag, parent, reason, detail, remedy)
    noted = Event(
        Kind.MISSED, function, tag, recorded, message=str(error), reason=reason, remedy=remedy
    )
    return error, noted


class Deaths:
    """The served calls of one process whose workers died: their loop has got Ray's error instead.

    A value can end the process that rebuilds it, where it came from a stranger or is too large.
    """

    def __init__(self, index: Answers, outcomes: Outcomes | None, say: Phrasing) -> None:
        self._index, self._outcomes, self._say = index, outcomes, say
        self._served: set[str] = set()
        self._node_dies = False

    def serves(self, path: str) -> None:
        """The recorded call at ``path`` is served."""
        self._served.add(path)

    def breaks(self, path: str, fault: FaultKind) -> None:
        """It is not, since a fault breaks it first."""
        self._served.discard(path)
        self._node_dies |= fault is FaultKind.NODE

    def unanswered(self, path: str, how: Unanswered, error: BaseException | None) -> None:
        """It has no answer. What was cancelled, or was to be lost, ends as it should."""
        if how is not Unanswered.LOST or self._node_dies:
            self._served.discard(path)
        if path not in self._served or not isinstance(error, _DEATHS):
            return
        self._served.discard(path)
        result = self._index.answer(path)
        if result is None or self._outcomes is None or result.outcome is Outcome.CANCELLED:
            return
        if result.outcome is Outcome.EXCEPTION and result.type.startswith(_OF_RAY):
            return  # served as it was recorded: --replay-ray-errors
        detail = f"the worker that was to rebuild it died ({type(error).__name__})"
        call = result.call
        _, noted = not_rebuilt(call.function, call.tag, path, detail, self._say)
        self._outcomes.add(noted)
