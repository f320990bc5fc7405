"""Who a plain actor or task of a recorded run is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from chia_bypass.engine import Engine
from chia_bypass.identity import names
from chia_bypass.recorder.home import unpack
from chia_bypass.recording.records import attempt_path

if TYPE_CHECKING:
    from chia_bypass.identity.worker import ToldParent


@dataclass(frozen=True, slots=True)
class RecordOrigin:
    """What its process must know to record what it dispatches; told by its starter."""

    home: bytes
    path: str
    """Its path as a parent."""

    def enter(self, parent: ToldParent, incarnation: int) -> Engine:
        """Tell ``parent`` that it is this one; ``incarnation``: how often it was started before."""
        from chia_bypass.recorder.engine import worker

        names.set_script(unpack(self.home).script)
        parent.is_at(attempt_path(self.path, incarnation))
        return worker(self.home)
