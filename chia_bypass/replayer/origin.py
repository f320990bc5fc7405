"""Who a plain actor or task of a replay is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chia_bypass.engine import Engine
from chia_bypass.identity import names
from chia_bypass.recording.records import attempt_path
from chia_bypass.replayer.home import unpack

if TYPE_CHECKING:
    from chia_bypass.identity.worker import ToldParent


@dataclass(frozen=True, slots=True)
class ReplayOrigin:
    """What its process must know to replay what it dispatches; told by its starter."""

    home: bytes
    path: str
    """Its path as a parent in this run."""
    recorded: str | None
    """Its path in the recording, if its starter was recorded."""
    table: bytes

    def enter(self, parent: ToldParent, incarnation: int) -> Engine:
        """Tell ``parent`` that it is this one; ``incarnation``: how often it was started before."""
        from chia_bypass.replayer.live import worker

        engine = worker(self.home, self.table)
        names.set_script(unpack(self.home).script)
        parent.is_at(attempt_path(self.path, incarnation))
        recorded = self.recorded
        path = recorded and attempt_path(recorded, incarnation)
        engine.is_recorded_as(parent, path, path)
        return engine
