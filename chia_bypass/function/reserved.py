"""The keywords of a dispatch that are ours and never reach function, provider or condition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chia_bypass.function.envelope import Hooks

KEYWORDS = frozenset(
    {
        "_chia_tag",
        "_chia_setup",
        "_chia_setup_args",
        "_chia_cleanup",
        "_chia_cleanup_args",
        "_chia_display_name",
    }
)


@dataclass(frozen=True, slots=True)
class Reserved:
    """What the reserved keywords of one dispatch said."""

    tag: str | None
    hooks: Hooks | None

    @staticmethod
    def taken_from(kwargs: dict[str, Any]) -> Reserved:
        """Removes the reserved keywords from ``kwargs``."""
        taken = {key: kwargs.pop(key) for key in KEYWORDS & kwargs.keys()}
        setup, cleanup = taken.get("_chia_setup"), taken.get("_chia_cleanup")
        hooks = None
        if setup is not None or cleanup is not None:
            hooks = Hooks(
                setup,
                tuple(taken.get("_chia_setup_args") or ()),
                cleanup,
                tuple(taken.get("_chia_cleanup_args") or ()),
            )
        return Reserved(taken.get("_chia_tag"), hooks)
