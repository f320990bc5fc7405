"""How a loop is told that a call was cancelled: as the recorded one was.

Ray tells it in three ways: by whether the call had begun, and where it was cancelled by force, by
whether Ray heard of that or of the end of its worker first. In a replay it may be another one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ray.exceptions import RayTaskError, TaskCancelledError, WorkerCrashedError

from chia_bypass.identity.producers import Producers
from chia_bypass.patches.ray_errors import RecordedText, cancellation
from chia_bypass.recording.records import Result
from chia_bypass.replay_engine import lost_calls


class Cancelled:
    """The served calls of one process that had been cancelled."""

    def __init__(self, producers: Producers) -> None:
        """``producers`` knows the calls behind references."""
        self._producers = producers
        self._served: dict[str, Result] = {}

    def serves(self, result: Result) -> None:
        """The call of ``result`` is served, and had been cancelled."""
        self._served[result.call.path] = result

    def told(self, references: Sequence[Any], error: Exception) -> Exception:
        """What the loop was told of ``references`` then, where Ray raises ``error`` now."""
        cause = error.cause if isinstance(error, RayTaskError) else error
        if not self._served or not isinstance(cause, TaskCancelledError | WorkerCrashedError):
            return error
        calls = map(self._producers.call_of, references)
        first = next((self._served[call] for call in calls if call in self._served), None)
        if first is None:
            return error
        if first.type == lost_calls.NAME:
            return error if isinstance(cause, WorkerCrashedError) else WorkerCrashedError()
        text = RecordedText.of(first)
        same = isinstance(error, RayTaskError) == (text is not None)
        return error if same and isinstance(cause, TaskCancelledError) else cancellation(text)
