"""Who a plain actor or task of a recorded run is."""

from __future__ import annotations

from dataclasses import dataclass

from chia_bypass.engine import Engine
from chia_bypass.identity import names, position
from chia_bypass.record.home import unpack
from chia_bypass.recording.records import attempt_path


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """What its process must know to record what it dispatches; told by its starter."""

    home: bytes
    path: str
    """Its path as a parent."""

    def enter(self, incarnation: int) -> Engine:
        """Make it the parent of this process; ``incarnation``: how often it was started before."""
        from chia_bypass.record.engine import worker

        names.set_script(unpack(self.home).script)
        position.set_process(position.Parent(attempt_path(self.path, incarnation)))
        return worker(self.home)
