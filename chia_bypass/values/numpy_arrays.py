"""numpy arrays, scalars and dtypes, apart and together again.

numpy is imported only here, inside functions, and only to rebuild: a value of numpy's can only be
met where numpy is already imported.
"""

from __future__ import annotations

import hashlib
import re
import sys
from math import prod
from typing import Any, Final

ORDERS: Final = ("C", "F")
_BLOCK: Final = 1 << 22
_DTYPE: Final = re.compile(
    r"[<>|=][?biufcmMSUVO][0-9]{0,9}(\[[0-9]{0,9}[A-Za-zμ]{1,7}(/[0-9]{1,9})?\])?|[A-Za-z?]"
)
"""``dtype.str``, or the one character of a type."""


def numpy_if_loaded() -> Any:
    """The numpy module if this process has imported it, else None."""
    return sys.modules.get("numpy")


def describe_dtype(dtype: Any) -> Any:
    """The dtype as a string, or nested lists and tuples of strings; None: it has no such form."""
    import numpy as np

    if dtype.fields is None and dtype.subdtype is None:
        described: Any = dtype.str
        plain = np.dtype(described) == dtype if dtype.kind in "?biufcmMSUVO" else False
        return described if plain else None
    if dtype.hasobject:
        return None
    described = np.lib.format.dtype_to_descr(dtype)
    return described if _same(np.lib.format.descr_to_dtype(described), dtype) else None


def _same(left: Any, right: Any) -> bool:
    return bool(left == right and left.isalignedstruct == right.isalignedstruct)


def make_dtype(described: Any) -> Any:
    """The dtype of such a description. May raise anything on what is none."""
    import numpy as np

    _check_described(described)
    return np.lib.format.descr_to_dtype(described)


def _check_described(described: Any) -> None:
    """Raises ValueError for what we never write: numpy has a small language of its own there."""
    if isinstance(described, str):
        good = _DTYPE.fullmatch(described) is not None
    elif isinstance(described, tuple):  # elements that are arrays
        good = len(described) == 2 and _is_shape(described[1])
        _check_described(described[0])
    else:
        good = isinstance(described, list)
        for entry in described if good else ():
            good = good and isinstance(entry, tuple) and len(entry) in (2, 3)
            good = good and all(map(_is_shape, entry[2:]))
            _check_described(entry[1])
    if not good:
        raise ValueError("no description of a dtype")


def _is_shape(item: Any) -> bool:
    return isinstance(item, tuple) and all(type(size) is int and size >= 0 for size in item)


def order_of(array: Any) -> str:
    """``F`` for what is laid out in columns only, else ``C``."""
    return "F" if array.flags.f_contiguous and not array.flags.c_contiguous else "C"


def content(array: Any) -> memoryview:
    """The bytes of an array in the order that :func:`order_of` says; a copy only if scattered."""
    import numpy as np

    rows: Any = array.T if order_of(array) == "F" else np.ascontiguousarray(array)
    if rows.nbytes == 0:
        return memoryview(b"")
    return memoryview(rows.reshape(-1).view(np.uint8))


def hash_elements(array: Any) -> bytes:
    """SHA-256 of the elements, in the order that :func:`order_of` says."""
    import numpy as np

    hasher = hashlib.sha256()
    if array.nbytes == 0 or array.flags.c_contiguous or array.flags.f_contiguous:
        hasher.update(content(array))
        return hasher.digest()
    # Scattered: put in order a block of rows at a time, not the whole.
    rows = max(1, _BLOCK * len(array) // array.nbytes)
    for start in range(0, len(array), rows):
        hasher.update(content(np.ascontiguousarray(array[start : start + rows])))
    return hasher.digest()


def make_array(described: Any, order: str, shape: tuple[int, ...], data: Any) -> Any:
    """A read-only array over the bytes `data`, which are not copied."""
    import numpy as np

    dtype = make_dtype(described)
    if dtype.hasobject or order not in ORDERS or any(size < 0 for size in shape):
        raise ValueError("no such array")
    if prod(shape) * dtype.itemsize != len(data):
        raise ValueError(f"{len(data)} bytes do not fill an array of shape {shape}")
    array: Any = np.ndarray(shape, dtype, buffer=data, order="F" if order == "F" else "C")
    array.flags.writeable = False
    return array


def object_items(array: Any) -> list[Any]:
    """The elements of an object array, in the order that :func:`order_of` says."""
    return list(array.T.flat if order_of(array) == "F" else array.flat)


def empty_objects(order: str, shape: tuple[int, ...], count: int) -> Any:
    """An object array of that shape, to be filled with `count` elements."""
    import numpy as np

    if order not in ORDERS or any(size < 0 for size in shape) or prod(shape) != count:
        raise ValueError(f"{count} elements do not fill an array of shape {shape}")
    return np.empty(shape, object, order="F" if order == "F" else "C")


def fill_objects(array: Any, items: list[Any]) -> None:
    """Put the elements in, each as it is: an element that is a list stays one."""
    flat = array.T.flat if order_of(array) == "F" else array.flat
    for index, item in enumerate(items):
        flat[index] = item


def take_scalar(scalar: Any) -> tuple[Any, ...] | None:
    """Description and content of a scalar, or None if it has no exact form."""
    import numpy as np

    if isinstance(scalar, np.str_):
        return ("U", str.__str__(scalar))
    if isinstance(scalar, np.bytes_):
        return ("S", memoryview(scalar).tobytes())
    dtype = scalar.dtype
    described = describe_dtype(dtype)
    if described is None or dtype.hasobject:
        return None
    if np.dtype(described).type is not type(scalar) if isinstance(described, str) else False:
        described = dtype.char  # longlong and int64 are two types of one dtype
    return (described, scalar.tobytes())


def make_scalar(described: Any, data: Any) -> Any:
    """The scalar of such a description. May raise anything on what is none."""
    import numpy as np

    if described == "U":
        return np.str_(data)
    if described == "S":
        return np.bytes_(data)
    dtype = make_dtype(described)
    if dtype.hasobject or dtype.itemsize != len(data):
        raise ValueError("no such scalar")
    return np.frombuffer(bytearray(data), dtype, 1)[0] if data else np.zeros((), dtype)[()]
