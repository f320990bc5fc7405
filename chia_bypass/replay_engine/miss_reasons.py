"""Why a recording cannot answer a call."""

from __future__ import annotations

from enum import Enum


class MissReason(str, Enum):
    """As messages and report files name them."""

    NEVER_RECORDED = "never recorded"
    OTHER_ARGUMENTS = "recorded under other arguments"
    OTHER_INPUTS = "recorded with other content of what it reads"
    EXHAUSTED = "recorded fewer times"
    UNFINISHED = "dispatched in the recording, but it never finished"
    NOT_KEPT = "its value could not be kept"
    CORRUPT = "its recording is damaged"
    NOT_REBUILT = "its value could not be rebuilt"
    NEEDS_IMPORT = "its value needs classes that may not be imported"
    NEEDS_PICKLE = "its value was kept as pickle, which may run code"
    INFRASTRUCTURE = "recorded with an error of Ray's own, not of the function"
    STALE = "stale"
    NOT_SERVED = "not in the bypass YAML"
    NEVER_PLACED = "can never be placed"
    OTHER_NODE = "pinned to a node that this cluster may not have"
