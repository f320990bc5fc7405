"""Installs the seam in ``chia.base.ChiaFunction``: in the driver, and in workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from chia_bypass.hook import chia_calls

STAND_INS: Mapping[str, Callable[[Callable[..., Any]], Callable[..., Any]]] = {
    "_pop_chia_hooks": chia_calls.pop_hooks,
    "_try_proxy": chia_calls.try_proxy,
    "_maybe_wrap_cache": chia_calls.maybe_wrap_cache,
    "_chia_trampoline": chia_calls.trampoline,
    "_chia_trampoline_profiled": chia_calls.trampoline,
}
"""Name in CHIA's module -> what makes the replacement of it."""


class UnknownChia(Exception):
    """This version of chialoops has no place for the seam."""

    def __init__(self, missing: str) -> None:
        super().__init__(missing)
        self.missing = missing

    def __str__(self) -> str:
        return (
            f"chia.base.ChiaFunction has no {self.missing}: this needs chialoops 2.0, "
            "or a newer chia-bypass"
        )


def install(module: ModuleType) -> Callable[[], None]:
    """Replace CHIA's functions in ``module``, its ChiaFunction; returns what undoes it.

    Raises UnknownChia before anything is replaced.
    """
    for name in STAND_INS:
        if not hasattr(module, name):
            raise UnknownChia(name)
    originals = {name: getattr(module, name) for name in STAND_INS}
    for name, stand_in in STAND_INS.items():
        setattr(module, name, stand_in(originals[name]))

    def undo() -> None:
        for name, original in originals.items():
            setattr(module, name, original)

    return undo
