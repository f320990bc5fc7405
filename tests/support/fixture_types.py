"""Types of the fixtures in conftest.py."""

from __future__ import annotations

from collections.abc import Callable

from chia_bypass import Bypass

MakeBypass = Callable[[str], Bypass]
"""Makes the active Bypass from the text of a ``bypass:`` section."""
