"""How dispatching looks to a type checker: the function's own parameters, and our keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, overload

from ray import ObjectRef

P = ParamSpec("P")
T = TypeVar("T", covariant=True)

Hook = Callable[..., Any]
Ref = ObjectRef[Any]


class Call(Protocol[P, T]):  # type: ignore[misc]  # mypy wants T invariant for the overloads' Any
    """A way to dispatch a function of parameters ``P``; ``T`` is what comes back.

    Parameters are checked as long as none of the reserved keywords is given and no reference
    stands for one of the first three: the type system can neither add keywords to a ParamSpec nor
    widen its parameters to references.
    """

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def __call__(self, first: Ref, /, *args: Any, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, first: Any, second: Ref, /, *args: Any, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, first: Any, second: Any, third: Ref, /, *args: Any, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_tag: str | None, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_setup: Hook | None, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_cleanup: Hook | None, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_display_name: str | None, **kwargs: Any) -> T: ...
