"""On the worker: a task that Ray runs again returns what the recording has of it already.

Ray runs a task again if its worker died or its reply was lost, and may hand on what either attempt
returned: the first, if it had reached the object store. Were the second to compute another value,
nobody could tell from the recording which of them the loop has got; and it would cost the work
again.
"""

from __future__ import annotations

from chia_bypass.engine import Invocation
from chia_bypass.recorder.engine import RecordEngine
from chia_bypass.recording.classes import ImportedClasses
from chia_bypass.recording.decode import decode
from chia_bypass.recording.records import Call
from chia_bypass.recording.value_shapes import class_name


def returned_before(
    engine: RecordEngine, call: Call, invocation: Invocation
) -> tuple[object] | None:
    """What an earlier attempt of the call returned; None if that is not known, for any reason."""
    try:
        kept = engine.sink.kept(call.path)
        if kept is None:
            return None
        # What was returned here may be rebuilt here: it names classes of this very run.
        modules = {name.partition(":")[0] for name in kept.classes}
        value = decode(
            kept.document,
            classes=ImportedClasses(modules, _classes_of(invocation)),
            buffer=lambda digest, _: memoryview(kept.buffers[digest]),
            reference=_unknown,
            allow_pickle=True,
        )
    except Exception:  # it is computed again, as without us
        return None
    return (value,)


def _classes_of(invocation: Invocation) -> dict[str, type]:
    """The classes that came with the function: those of ``__main__`` cannot be imported."""
    found = getattr(invocation.function, "__globals__", {}).values()
    return {class_name(item): item for item in found if isinstance(item, type)}


def _unknown(reference: object) -> object:
    raise KeyError(reference)
