"""What a worker must know to replay the calls that a real call dispatches."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from chia_bypass.bypass.config import BypassConfig
from chia_bypass.replay_engine.policy import Policy
from chia_bypass.replay_engine.provider import Source


@dataclass(frozen=True, slots=True)
class ReplayContext:
    """Where a replay's recording lives and what its rules are."""

    source: Source
    script: str
    config: BypassConfig
    policy: Policy
    invented: Mapping[str, float]
    """Resources that this Ray only pretends to have."""
    run: str = ""
    """Id of the session, if there is one."""
    recorder: bytes | None = None
    """Where to record what runs for real, packed; None: it is not recorded."""

    def packed(self) -> bytes:
        """The form that travels."""
        return pickle.dumps(self, protocol=5)


@lru_cache(maxsize=8)
def unpack(packed: bytes) -> ReplayContext:
    """The context in ``packed``, built once per process."""
    context: ReplayContext = pickle.loads(packed)
    return context
