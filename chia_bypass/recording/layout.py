"""Where things are in a recording folder."""

from __future__ import annotations

from pathlib import Path

MANIFEST = "manifest"
"""The segment that lists the runs: what makes a folder a recording."""
SEGMENTS = "segments"
BLOBS = "blobs"
INDEX = "index"
"""Derived from the segments, for opening fast."""
BYPASS_YAML = "bypass.yaml"
RAYIGNORE = ".rayignore"
"""Keeps the recording out of the working directories that Ray uploads."""
LOCK = "lock"
NONCE = "nonce"
"""Random bytes by which a worker finds out whether it sees this folder, or one of the same name."""


def is_recording(folder: Path) -> bool:
    """Whether ``folder`` holds a recording, whole or not."""
    return (folder / MANIFEST).is_file()


def has_nonce(folder: Path, nonce: bytes) -> bool:
    """Whether ``folder`` is the recording with that nonce, as seen from this process."""
    try:
        return (folder / NONCE).read_bytes() == nonce
    except OSError:
        return False


def segment_path(folder: Path, name: str) -> Path:
    """The file of the segment called ``name``."""
    return folder / SEGMENTS / f"{name}.seg"


def segments_of(folder: Path) -> dict[str, Path]:
    """The segment files that are there, by name, in the order of their names."""
    return {path.stem: path for path in sorted((folder / SEGMENTS).glob("*.seg"))}


def blob_path(folder: Path, digest: bytes) -> Path:
    """The file that holds the bytes with that digest."""
    name = digest.hex()
    return folder / BLOBS / name[:2] / name


def sync_path(path: Path) -> None:
    """Make a file durable, or the names in a folder."""
    import os

    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
