"""Fetching what dispatched calls returned."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, overload

import ray
from ray import ObjectRef

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
