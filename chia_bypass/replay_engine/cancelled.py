"""How a loop is told that a call was cancelled: as the recorded one was.

Ray tells it in two ways, by whether the call had begun. In a replay it may have begun where it had
not then, or the other way round: whichever comes first, Ray's cancellation or a worker.
"""

from __future__ import annotations

from typing import Any

from ray.exceptions import RayTaskError, TaskCancelledError

from chia_bypass.identity.producers import Producers
from chia_bypass.patches.ray_errors import RecordedText, cancellation
from chia_bypass.recording.records import Result


class Cancelled:
    """The served calls of one process that had been cancelled."""

    def __init__(self, producers: Producers) -> None:
        """``producers`` knows the calls behind references."""
        self._producers = producers
        self._texts: dict[str, RecordedText | None] = {}

    def serves(self, result: Result) -> None:
        """The call of ``result`` is served, and had been cancelled."""
        self._texts[result.call.path] = RecordedText.of(result)

    def as_recorded(self, error: Exception, references: list[Any]) -> Exception:
        """What the recorded get of ``references`` raised, where this one raised ``error``."""
        if not self._texts or not isinstance(error, TaskCancelledError):  # wrapped or not
            return error
        calls = map(self._producers.call_of, references)
        first = next((call for call in calls if call in self._texts), None)
        if first is None:
            return error
        text = self._texts[first]
        same = isinstance(error, RayTaskError) == (text is not None)
        return error if same else cancellation(text)
