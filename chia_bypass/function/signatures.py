"""How dispatching looks to a type checker: the function's own parameters, and our keywords."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, Protocol, TypeVar, overload

P = ParamSpec("P")
T = TypeVar("T", covariant=True)

Hook = Callable[..., Any]


class Call(Protocol[P, T]):
    """A way to dispatch a function of parameters ``P``; ``T`` is what comes back.

    Parameters are checked as long as none of the reserved keywords is given: the type system
    cannot add keywords to a ParamSpec.
    """

    @overload
    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_tag: str | None, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_setup: Hook | None, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_cleanup: Hook | None, **kwargs: Any) -> T: ...
    @overload
    def __call__(self, *args: Any, _chia_display_name: str | None, **kwargs: Any) -> T: ...
