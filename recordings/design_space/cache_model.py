"""Caches, and how a program's memory trace misses in them: plain Python, no Ray.

A trace is an array of block numbers, one for each access, in blocks of BLOCK_BYTES.
"""

from __future__ import annotations

import gzip
import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import accumulate, chain, product
from pathlib import Path

BLOCK_BYTES = 16
"""Resolution of a trace, hence the shortest line."""
LINE_SIZES = (16, 32, 64, 128)
ADDRESS_BITS = 32


class Policy(str, Enum):
    """Which line of a full set makes room for a new one."""

    LRU = "lru"
    FIFO = "fifo"
    SRRIP = "srrip"
    """Static re-reference interval prediction with two bits (Jaleel et al., ISCA 2010)."""


@dataclass(frozen=True)
class Geometry:
    """A set-associative cache; all its numbers are powers of two."""

    sets: int
    ways: int
    line_bytes: int
    policy: Policy

    def __str__(self) -> str:
        return f"{self.sets} sets x {self.ways} ways x {self.line_bytes} B, {self.policy.value}"

    def bits(self) -> int:
        """Storage for data, tags with their valid bits, and replacement state."""
        tag = ADDRESS_BITS - log2(self.sets) - log2(self.line_bytes) + 1
        state = {Policy.LRU: log2(self.ways), Policy.FIFO: 0, Policy.SRRIP: 2}[self.policy]
        return self.sets * self.ways * (8 * self.line_bytes + tag + state)

    def cycles(self, miss_rate: float) -> float:
        """Average cycles per access: larger and wider caches answer later, longer lines fill
        later, at eight bytes a cycle after a latency of 40."""
        hit = 1 + log2(self.sets * self.line_bytes) / 16 + self.ways / 16
        return hit + miss_rate * (40 + self.line_bytes / 8)

    def neighbours(self) -> list[Geometry]:
        """The geometries one step away: one number doubled, with or without another halved, or
        another policy."""
        shape = (self.sets, self.ways, self.line_bytes)
        around = []
        for doubled, halved in product(range(3), (0, 1, 2, None)):
            if doubled != halved:
                scale = [2.0 if i == doubled else 0.5 if i == halved else 1.0 for i in range(3)]
                sets, ways, line = (int(n * factor) for n, factor in zip(shape, scale, strict=True))
                if sets and ways and line in LINE_SIZES:
                    around.append(Geometry(sets, ways, line, self.policy))
        return around + [replace(self, policy=p) for p in Policy if p is not self.policy]


@dataclass(frozen=True)
class MissCurve:
    """How often a fully associative LRU cache misses, by its size."""

    line_bytes: int
    misses: array[int]
    """At index k those of a cache of 2**k lines; the last are the unavoidable ones."""


class CacheSet:
    """One set with first-in-first-out replacement: the oldest line is the first."""

    def __init__(self, ways: int) -> None:
        self.ways = ways
        self.lines: list[int] = []

    def access(self, line: int) -> bool:
        """Look `line` up, and bring it in if it is not there; True if it was."""
        if line in self.lines:
            return True
        if len(self.lines) == self.ways:
            del self.lines[0]
        self.lines.append(line)
        return False


class LruSet(CacheSet):
    """One set that evicts the least recently used line: the first."""

    def access(self, line: int) -> bool:
        if line in self.lines:
            self.lines.remove(line)
            self.lines.append(line)
            return True
        return super().access(line)


class SrripSet(CacheSet):
    """One set that evicts the line expected to be used again last: the first of age 3."""

    def __init__(self, ways: int) -> None:
        super().__init__(ways)
        self.ages: list[int] = []

    def access(self, line: int) -> bool:
        if line in self.lines:
            self.ages[self.lines.index(line)] = 0
            return True
        if len(self.lines) < self.ways:
            self.lines.append(line)
            self.ages.append(2)
            return False
        older = 3 - max(self.ages)
        self.ages = [age + older for age in self.ages]
        victim = self.ages.index(3)
        self.lines[victim], self.ages[victim] = line, 2
        return False


SETS = {Policy.LRU: LruSet, Policy.FIFO: CacheSet, Policy.SRRIP: SrripSet}


def log2(number: int) -> int:
    """Of a power of two."""
    return number.bit_length() - 1


def read_trace(path: Path) -> array[int]:
    """The trace in a file that `capture_trace.py` wrote."""
    blocks = array("H", gzip.decompress(path.read_bytes()))
    if sys.byteorder == "big":
        blocks.byteswap()
    return blocks


def count_misses(trace: Sequence[int], geometry: Geometry) -> array[int]:
    """The misses in each set of a cache that has already seen the trace once: a window cut from
    a running program does not begin with an empty cache."""
    sets = [SETS[geometry.policy](geometry.ways) for _ in range(geometry.sets)]
    misses = array("q", bytes(8 * geometry.sets))
    blocks_per_line = geometry.line_bytes // BLOCK_BYTES
    for position, block in enumerate(chain(trace, trace)):
        line = block // blocks_per_line
        index = line % geometry.sets
        if not sets[index].access(line) and position >= len(trace):
            misses[index] += 1
    return misses


def miss_curve(trace: Iterable[int], line_bytes: int) -> MissCurve:
    """All LRU caches in one pass (Mattson et al., 1970): an access hits in those that hold more
    lines than were used since this line was used last."""
    lines = [block // (line_bytes // BLOCK_BYTES) for block in trace]
    latest = Prefix(len(lines))
    last_use: dict[int, int] = {}
    hits = [0] * (log2(max(len(lines), 1)) + 2)
    for now, line in enumerate(lines):
        before = last_use.get(line)
        if before is not None:
            between = len(last_use) - latest.sum(before)
            hits[between.bit_length()] += 1
            latest.add(before, -1)
        latest.add(now, +1)
        last_use[line] = now
    misses = [len(lines) - hit for hit in accumulate(hits)]
    return MissCurve(line_bytes, array("q", misses[: misses.index(misses[-1]) + 1]))


class Prefix:
    """Numbers whose prefix sums are cheap to ask and to change (a Fenwick tree)."""

    def __init__(self, size: int) -> None:
        self.tree = [0] * (size + 1)

    def add(self, index: int, amount: int) -> None:
        """Change the number at `index`."""
        index += 1
        while index < len(self.tree):
            self.tree[index] += amount
            index += index & -index

    def sum(self, last: int) -> int:
        """Of the numbers from 0 to `last`, that one included."""
        last += 1
        total = 0
        while last:
            total += self.tree[last]
            last &= last - 1
        return total
