"""The decorator, and what a decorated function is."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Hashable, Mapping
from types import MethodType
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    ParamSpec,
    Protocol,
    SupportsIndex,
    TypeVar,
    overload,
)

from ray import ObjectRef, cloudpickle

from chia_bypass import engine
from chia_bypass.function.exports import Exports
from chia_bypass.function.handle import RemoteHandle
from chia_bypass.function.signatures import Call

P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)

_HANDLES = 128
"""Sets of options that a function remembers; a loop with a new placement group per call has more
of them than it is worth keeping."""


class ChiaFunction:
    """Decorator: ``@ChiaFunction(resources={"fpga": 1})`` with any options of ``ray.remote``."""

    def __init__(self, **options: Any) -> None:
        self.options = _given(options)

    @overload
    def __call__(self, function: staticmethod[P, R]) -> ChiaWrapped[P, R]: ...
    @overload
    def __call__(self, function: Callable[P, R]) -> ChiaWrapped[P, R]: ...
    def __call__(self, function: Any) -> ChiaWrapped[..., Any]:
        if isinstance(function, staticmethod):
            return ChiaWrapped(function.__func__, self.options, static=True)
        return ChiaWrapped(function, self.options)


class ChiaWrapped(Generic[P, R]):
    """A decorated function. Calling it runs it in place; ``chia_remote`` dispatches it.

    It has the function's name, docstring and signature. As an attribute of an object it runs in
    place bound to it, while dispatching takes the object: ``obj.method.chia_remote(obj, x)``.
    """

    __wrapped__: Callable[P, R]
    __module__: str
    __qualname__: str

    def __init__(
        self, function: Callable[P, R], options: Mapping[str, Any], static: bool = False
    ) -> None:
        functools.update_wrapper(self, function)
        self._static = static
        self._exports = Exports(function, options)
        self._handle: RemoteHandle[P, R] = RemoteHandle(self._exports, {})
        self._handle.real  # noqa: B018 - options that Ray refuses fail here, as with ray.remote
        self._handles: dict[Hashable, RemoteHandle[P, R]] = {}

    def __call__(self, /, *args: P.args, **kwargs: P.kwargs) -> R:
        running = engine.current()
        if running is not None:
            running.ran_in_place(self.__wrapped__)
        return self.__wrapped__(*args, **kwargs)

    @property
    def _chia_options(self) -> Mapping[str, Any]:
        """Ray options of the decorator, under the name that they have in CHIA."""
        return self._exports.options

    @property
    def chia_remote(self) -> Call[P, ObjectRef[R]]:
        """Dispatch to a Ray worker, as :attr:`RemoteHandle.chia_remote`."""
        return self._handle.chia_remote

    @property
    def chia_remote_blocking(self) -> Call[P, R]:
        """Dispatch, wait, and return the value."""
        return self._handle.chia_remote_blocking

    def options(self, **overrides: Any) -> RemoteHandle[P, R]:
        """This function with other Ray options, on top of those of the decorator."""
        overrides = _given(overrides)
        key = _key(overrides)
        handle = self._handles.get(key) if key is not None else None
        if handle is None:
            handle = RemoteHandle(self._exports, overrides)
            handle.real  # noqa: B018 - options that Ray refuses fail here, as with Ray's options
            if len(self._handles) >= _HANDLES:
                self._handles.clear()
            if key is not None:
                self._handles[key] = handle
        return handle

    if TYPE_CHECKING:

        @overload
        def __get__(self, instance: None, owner: type | None = None) -> ChiaWrapped[P, R]: ...
        @overload
        def __get__(
            self: ChiaWrapped[Concatenate[S, Q], R], instance: S, owner: type | None = None
        ) -> BoundFunction[S, Q, R]: ...
        @overload
        def __get__(self, instance: object, owner: type | None = None) -> ChiaWrapped[P, R]: ...

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        # A bound method passes attributes through, so chia_remote stays that of the function.
        return self if instance is None or self._static else MethodType(self, instance)

    def __reduce_ex__(self, protocol: SupportsIndex) -> str | tuple[Any, ...]:
        if _importable(self):
            return self.__qualname__  # pickled by reference, like any function of a module
        return super().__reduce_ex__(protocol)

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_handles": {}}

    def __repr__(self) -> str:
        return f"<ChiaFunction {self.__module__}.{self.__qualname__}>"


class BoundFunction(Protocol[S_co, Q, R]):  # pyright: ignore[reportInvalidTypeVarUse]
    """A decorated method as an attribute of an object, to a type checker."""

    def __call__(self, *args: Q.args, **kwargs: Q.kwargs) -> R: ...
    @property
    def chia_remote(self) -> Call[Concatenate[S_co, Q], ObjectRef[R]]: ...
    @property
    def chia_remote_blocking(self) -> Call[Concatenate[S_co, Q], R]: ...
    def options(self, **overrides: Any) -> RemoteHandle[Concatenate[S_co, Q], R]: ...


def _given(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options without those that are None, which mean Ray's default."""
    return {key: value for key, value in options.items() if value is not None}


def _key(options: Mapping[str, Any]) -> Hashable | None:
    """What is equal for equal options; None if that cannot be told.

    A runtime_env is left to Ray at each call: it stands for the state of files at that time.
    """
    if "runtime_env" in options:
        return None
    try:
        key = _frozen(options)
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(value: Any) -> Hashable:
    if isinstance(value, Mapping):
        return frozenset((key, _frozen(item)) for key, item in value.items())
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(item) for item in value)
    return value  # type: ignore[no-any-return]


def _importable(wrapped: ChiaWrapped[..., Any]) -> bool:
    """Whether a worker gets ``wrapped`` itself by importing its module."""
    if wrapped.__module__ == "__main__" or _travels_by_value(wrapped.__module__):
        return False
    found: Any = sys.modules.get(wrapped.__module__)
    for name in wrapped.__qualname__.split("."):
        found = getattr(found, name, None)
    return found is wrapped


def _travels_by_value(module: str) -> bool:
    registered = cloudpickle.list_registry_pickle_by_value()  # type: ignore[no-untyped-call]
    parts = module.split(".")
    return any(".".join(parts[: end + 1]) in registered for end in range(len(parts)))
