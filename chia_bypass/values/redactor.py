"""Replacing what the rules of a run match in texts and bytes, before they are digested or kept."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

REDACTED: Final = "[redacted]"


class Redactor:
    """Applies the rules of one function to texts and bytes, and counts what they changed."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._texts = [re.compile(pattern) for pattern in patterns]
        self._bytes = [re.compile(pattern.encode()) for pattern in patterns]
        self.count = 0

    def text(self, text: str) -> str:
        """``text``, each match replaced."""
        for pattern in self._texts:
            text, times = pattern.subn(REDACTED, text)
            self.count += times
        return text

    def data(self, data: bytes) -> bytes:
        """``data``, each match replaced."""
        for pattern in self._bytes:
            data, times = pattern.subn(REDACTED.encode(), data)
            self.count += times
        return data

    def finds(self, data: bytes | memoryview) -> bool:
        """Whether any rule matches in bytes that cannot be changed."""
        return any(pattern.search(data) for pattern in self._bytes)
