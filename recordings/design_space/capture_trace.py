"""Turn valgrind's memory trace of a real program into `trace.bin.gz`, the input of `loop.py`.

The shipped file is gzip 1.12 compressing the GNU General Public License, x86-64, Debian 12::

    valgrind --tool=lackey --trace-mem=yes --log-fd=9 \\
        gzip -c /usr/share/common-licenses/GPL-3 9>&1 >/dev/null \\
        | python capture_trace.py > trace.bin.gz

Kept are the data accesses (loads, stores, modifies: `` L 1ffe8,8``) of two windows, one early and
one late in the run, which are the two phases that the loop simulates. Addresses become physical as
a fresh machine would make them: pages of 4 KiB get frames in the order of their first use. What is
written is the number of the 16-byte block of each access, as little-endian 16-bit integers (a
program of up to 1 MiB), compressed. Accesses that span two blocks count for the first.
"""

from __future__ import annotations

import gzip
import sys
from array import array
from collections.abc import Iterable, Iterator

WINDOW = 300_000
"""Accesses in each window."""
STARTS = (300_000, 1_200_000)
"""Where the windows start, in data accesses; the program makes 1.8 million."""
BLOCK_BITS, PAGE_BITS = 4, 12


def data_addresses(lines: Iterable[str]) -> Iterator[int]:
    """The address of each load, store and modify of a lackey trace."""
    for line in lines:
        if line.startswith((" L ", " S ", " M ")):
            yield int(line[3:].split(",")[0], 16)


def physical(addresses: Iterable[int]) -> Iterator[int]:
    """The same accesses with page frames given out at first use."""
    frames: dict[int, int] = {}
    for address in addresses:
        page, offset = divmod(address, 1 << PAGE_BITS)
        yield (frames.setdefault(page, len(frames)) << PAGE_BITS) | offset


def pack(blocks: Iterable[int]) -> bytes:
    """The file's content, the same bytes for the same blocks."""
    numbers = array("H", blocks)
    if sys.byteorder == "big":
        numbers.byteswap()
    return gzip.compress(numbers.tobytes(), mtime=0)


def main() -> None:
    """From standard input to standard output."""
    blocks = [address >> BLOCK_BITS for address in physical(data_addresses(sys.stdin))]
    if len(blocks) < STARTS[-1] + WINDOW:
        sys.exit(f"capture_trace.py: only {len(blocks)} data accesses: is this a lackey trace?")
    sys.stdout.buffer.write(pack(b for start in STARTS for b in blocks[start : start + WINDOW]))


if __name__ == "__main__":
    main()
