"""The source tree of a state: kept after a call, and given back the content that the call left."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from chia_bypass.outputs.entries import BEYOND, UNKEPT, UNKNOWN, LeftEntry, Trace, pack_entries
from chia_bypass.outputs.git_trees import GitRefused, GitTree
from chia_bypass.outputs.keep import Rules
from chia_bypass.recording.records import Blob, Left
from chia_bypass.values.encode import Buffer

TREE = "."
"""The name of a tree in its listing."""
_NAMED = 3
"""Files that a refusal names."""


class TreeRefused(Exception):
    """The tree is not what a recorded call found or left there: it must not be overwritten."""


@dataclass(frozen=True, slots=True)
class TreeBefore:
    """A tree as a call found it."""

    state: str
    """The name of the state that it is."""
    folder: str
    content: bytes
    """Git's id of what was in it; UNKNOWN if git refused."""
    without: Sequence[str]
    """Folders that do not count."""


def look(state: str, folder: str, without: Sequence[str]) -> TreeBefore:
    """The tree that a folder belongs to, before a call."""
    try:
        with GitTree(folder, without) as tree:
            return TreeBefore(state, folder, bytes.fromhex(tree.content()), without)
    except (GitRefused, OSError):  # asked again after the call, it tells why
        return TreeBefore(state, folder, UNKNOWN, without)


def keep(before: TreeBefore, rules: Rules) -> tuple[Left, list[Buffer]]:
    """What a call left of it, as a record, and what that names."""
    root, difference = before.folder, b""
    try:
        with GitTree(before.folder, before.without) as tree:
            root, content = tree.root, bytes.fromhex(tree.content())
            head, difference = tree.head(), tree.difference()
        refused = _why_not(root, difference, before, rules)
    except (GitRefused, OSError) as error:
        content, head, refused = UNKNOWN, "", str(error)
    entry = LeftEntry(
        TREE,
        Trace.TREE,
        size=len(difference),
        digest=content,
        offset=UNKEPT if refused else 0,
        target=refused or head,
        before=before.content,
    )
    kept = b"" if refused else difference
    bundle = Blob(hashlib.sha256(kept).digest(), len(kept)) if kept else None
    left, _ = pack_entries(root, [entry], bundle, declared=True, state=before.state)
    return left, [Buffer(bundle.digest, memoryview(kept))] if bundle is not None else []


def _why_not(root: str, difference: bytes, before: TreeBefore, rules: Rules) -> str:
    """Why it must not be kept; empty: it may."""
    if before.content == UNKNOWN:
        return "git refused before the call"
    if len(difference) > rules.limit:
        return BEYOND
    if rules.hide(root) != root or (
        rules.redactor is not None and rules.redactor.finds(difference)
    ):
        return "it holds what --redact hides"
    return ""


def is_one_of(root: str, contents: Collection[bytes | None], without: Sequence[str] = ()) -> bool:
    """Whether the tree has one of these contents."""
    if not contents:
        return False
    try:
        with GitTree(root, without) as tree:
            return bytes.fromhex(tree.content()) in contents
    except (GitRefused, OSError):
        return False


def give_back(
    root: str,
    entry: LeftEntry,
    difference: Callable[[], memoryview],
    known: Collection[bytes | None],
    without: Sequence[str],
) -> bool:
    """Give the tree the content that a call had left; False: it has it.

    ``known`` are the contents that recorded calls had found or left. Raises TreeRefused where it
    has another, and GitRefused and OSError.
    """
    with GitTree(root, without) as tree:
        now = bytes.fromhex(tree.content())
        if now == entry.digest:
            return False
        if not entry.kept:
            raise TreeRefused(f"it is not kept ({entry.target})")
        head = tree.head()
        if head != entry.target:
            raise TreeRefused(f"its HEAD is {head[:12]}, and was {entry.target[:12]}")
        content, wanted = entry.digest.hex(), bytes(difference())
        if now not in known:
            names = tree.names(content, wanted)
            more = len(names) - _NAMED
            told = ", ".join(names[:_NAMED]) + (f" and {more} more" if more > 0 else "")
            raise TreeRefused(f"it has changes that no recorded call made, such as in {told}")
        tree.become(content, wanted)
        return True
