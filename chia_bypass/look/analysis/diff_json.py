"""A diff as JSON, for scripts: stable as `as_json` is.

An object with ``same``; ``calls``: how many calls both have; ``only_a`` and ``only_b``: lists of
calls, as `as_json` describes them but for ``occurrence`` and ``depth``; ``changed``: a list, causes
first, of

- ``function``, ``tag``; ``call_a``, ``call_b``: the paths of the call;
- ``fields``: a list of ``{"place", "a", "b"}``, empty if the results are the same;
- ``arguments``: a list of ``{"name", "a", "b", "cause"}``: what drifted, and the path in A of the
  call whose result it is, or null;
- ``causes``: paths in A of the calls from whose difference this one follows; ``code_changed``;

and ``moved``: a list of ``{"function", "tag", "call_a", "call_b", "seconds_a", "seconds_b"}``.
"""

from __future__ import annotations

from typing import Any

from chia_bypass.look.analysis.as_json import ended_json
from chia_bypass.look.analysis.diff import Change, Diff
from chia_bypass.look.analysis.pairing import Pair


def diff_json(found: Diff) -> dict[str, Any]:
    """The whole diff."""
    return {
        "same": found.same,
        "calls": found.pairs,
        "only_a": [ended_json(one.call, one.result) for one in found.only_a],
        "only_b": [ended_json(one.call, one.result) for one in found.only_b],
        "changed": [_change(change) for change in found.changed],
        "moved": [
            {**_pair(one.pair), "seconds_a": one.a, "seconds_b": one.b} for one in found.moved
        ],
    }


def _change(change: Change) -> dict[str, Any]:
    return {
        **_pair(change.pair),
        "fields": [{"place": f.place, "a": f.a, "b": f.b} for f in change.fields],
        "arguments": [
            {"name": drift.name, "a": drift.a, "b": drift.b, "cause": drift.cause or None}
            for drift in change.drifted
        ],
        "causes": list(change.causes),
        "code_changed": change.code_changed,
    }


def _pair(pair: Pair) -> dict[str, Any]:
    return {
        "function": pair.a.call.function,
        "tag": pair.a.call.tag,
        "call_a": pair.a.call.path,
        "call_b": pair.b.call.path,
    }
