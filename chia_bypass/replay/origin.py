"""Who a plain actor or task of a replay is."""

from __future__ import annotations

from dataclasses import dataclass

from chia_bypass.engine import Engine
from chia_bypass.identity import names, position
from chia_bypass.recording.records import attempt_path
from chia_bypass.replay.home import unpack


@dataclass(frozen=True, slots=True)
class ReplayOrigin:
    """What its process must know to replay what it dispatches; told by its starter."""

    home: bytes
    path: str
    """Its path as a parent in this run."""
    recorded: str | None
    """Its path in the recording, if its starter was recorded."""
    table: bytes

    def enter(self, incarnation: int) -> Engine:
        """Make it the parent of this process; ``incarnation``: how often it was started before."""
        from chia_bypass.replay.live import worker

        engine = worker(self.home, self.table)
        names.set_script(unpack(self.home).script)
        parent = position.Parent(attempt_path(self.path, incarnation))
        recorded = self.recorded
        engine.is_recorded_as(parent, recorded and attempt_path(recorded, incarnation))
        position.set_process(parent)
        return engine
