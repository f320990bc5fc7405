"""Dispatching by a function rather than an attribute."""

from __future__ import annotations

from typing import Any, ParamSpec, Protocol, TypeVar, overload

from ray import ObjectRef

from chia_bypass.function.signatures import Call

P = ParamSpec("P")
R = TypeVar("R")


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
