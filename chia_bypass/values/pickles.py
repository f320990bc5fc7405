"""What the format cannot represent by itself: kept as pickle, by the standard library's pickler.

Only classes that can be imported by name can be pickled so. Large buffers are left out of band;
references are kept as references, at any depth.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterable
from typing import Any, Final

from chia_bypass.errors import ClassRefused
from chia_bypass.values.class_shapes import class_name, mro
from chia_bypass.values.kinds import OUT_OF_BAND, Reference

Find = Callable[[str], type]

LIVE: Final = frozenset(
    {
        "ray.actor:ActorHandle",
        "ray.actor:ActorClass",
        "ray.actor:ActorMethod",
        "ray._raylet:BaseID",
        "ray._raylet:ObjectRefGenerator",
        "ray._raylet:StreamingObjectRefGenerator",
        "ray.util.placement_group:PlacementGroup",
        "multiprocessing.connection:_ConnectionBase",
    }
)
"""Types whose pickle names something alive that another run does not have."""


class NotPickled(Exception):
    """The value has no pickle; says why."""


class _Pickler(pickle.Pickler):
    def __init__(
        self,
        file: io.BytesIO,
        reference: Callable[[object], Reference | None],
        buffers: list[pickle.PickleBuffer],
    ) -> None:
        super().__init__(file, protocol=5, buffer_callback=self._keep)
        self._reference, self._buffers = reference, buffers

    def _keep(self, buffer: pickle.PickleBuffer) -> bool:
        with memoryview(buffer) as view:
            inline = view.nbytes < OUT_OF_BAND or not view.c_contiguous
        if not inline:
            self._buffers.append(buffer)
        return inline

    def persistent_id(self, obj: Any) -> tuple[str, int] | None:
        reference = self._reference(obj)
        if reference is not None:
            return (reference.call, reference.index)
        if is_live(type(obj)):
            raise NotPickled(f"it holds a {class_name(type(obj))}, alive in this run only")
        return None


def is_live(cls: type) -> bool:
    """Whether instances stand for something that exists in this run only."""
    return any(class_name(parent) in LIVE for parent in mro(cls))


def dump(
    value: object, reference: Callable[[object], Reference | None]
) -> tuple[bytes, list[memoryview]]:
    """The pickle of a value and its out-of-band buffers. Raises NotPickled, nothing else."""
    file, buffers = io.BytesIO(), list[pickle.PickleBuffer]()
    try:
        _Pickler(file, reference, buffers).dump(value)
        return file.getvalue(), [buffer.raw() for buffer in buffers]
    except NotPickled:
        raise
    except Exception as error:  # __reduce__ is code of the user, which may raise anything
        raise NotPickled(f"{type(error).__name__}: {error}") from error


class _Unpickler(pickle.Unpickler):
    def __init__(
        self,
        data: bytes,
        buffers: Iterable[Any],
        find: Find,
        reference: Callable[[Reference], object],
    ) -> None:
        super().__init__(io.BytesIO(data), buffers=buffers)
        self._find, self._reference = find, reference

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._find(f"{module}:{name}")
        except ClassRefused:
            return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> object:
        call, index = pid
        return self._reference(Reference(call, index))


def load(
    data: bytes, buffers: Iterable[Any], find: Find, reference: Callable[[Reference], object]
) -> object:
    """The value of a pickle that the user allowed. May raise anything."""
    return _Unpickler(data, buffers, find, reference).load()
