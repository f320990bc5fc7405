"""Fetching what dispatched calls returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, overload

import ray
from ray import ObjectRef

from chia_bypass.function.signatures import Call

P = ParamSpec("P")
R = TypeVar("R")


@overload
def get(ref: ObjectRef[R], *, timeout: float | None = None) -> R: ...
@overload
def get(ref: Sequence[ObjectRef[R]], *, timeout: float | None = None) -> list[R]: ...
@overload
def get(ref: Sequence[ObjectRef[Any]], *, timeout: float | None = None) -> list[Any]: ...
def get(ref: ObjectRef[Any] | Sequence[ObjectRef[Any]], *, timeout: float | None = None) -> Any:
    """The value of one reference, or the values of a list of them in its order.

    Raises what the call raised, and ``ray.exceptions.GetTimeoutError`` after ``timeout`` seconds.
    """
    return ray.get(ref, timeout=timeout)


class Dispatches(Protocol[P, R]):
    """Anything that has ``chia_remote``."""

    @property
    def chia_remote(self) -> Call[P, ObjectRef[R]]: ...


@overload
def ChiaCallRemote(
    func: Dispatches[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> ObjectRef[R]: ...
@overload
def ChiaCallRemote(
    func: Dispatches[..., R], /, *args: Any, _chia_tag: str | None, **kwargs: Any
) -> ObjectRef[R]: ...
def ChiaCallRemote(func: Any, /, *args: Any, **kwargs: Any) -> Any:
    """``func.chia_remote(*args, **kwargs)``. Raises TypeError if ``func`` is not decorated."""
    if not hasattr(func, "chia_remote"):
        name = getattr(func, "__qualname__", repr(func))
        raise TypeError(f"{name} is not decorated with @ChiaFunction(...)")
    return func.chia_remote(*args, **kwargs)
