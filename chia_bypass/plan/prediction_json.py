"""A prediction as JSON, for scripts: what `check_json` says of the cluster is beside it.

An object with ``makespan``: ``{"low", "median", "high"}`` in seconds, or null if the run never
ends; ``orders``: how many orders of the nodes were tried; ``warm_up``: seconds more if all workers
have to be started; ``recorded``: seconds of the recorded run; ``resources``: a list of ``{"name",
"offered", "used", "waited", "calls", "longest"}``, where ``used`` is a share and ``offered`` null
where the cluster file does not say; ``critical_path``: a list of ``{"call", "name", "dispatched",
"started", "finished", "node"}``; ``waits``: the share of the makespan that the critical path
waited, by resource; ``deadlock``: null, or ``{"at", "what"}``; ``guessed``: whether the recording
does not say what its lanes waited for; ``left_out``: calls that never finished in the recording.
A sweep is ``{"type", "points"}``, a list of ``{"count", "makespan", "warm_up", "deadlock"}``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from chia_bypass.plan.prediction import Prediction
from chia_bypass.plan.sweep import Point, Range


def prediction_json(found: Prediction) -> dict[str, Any]:
    """The whole prediction."""
    return {
        "makespan": _makespan(found),
        "orders": len(found.makespans),
        "warm_up": found.warm_up,
        "recorded": found.recorded,
        "resources": [
            {
                "name": use.name,
                "offered": use.offered or None,
                "used": use.used,
                "waited": use.waited,
                "calls": use.calls,
                "longest": use.longest,
            }
            for use in found.uses
        ],
        "critical_path": [
            {
                "call": span.path,
                "name": span.name,
                "dispatched": span.dispatched,
                "started": span.started,
                "finished": span.finished,
                "node": span.node,
            }
            for span in found.critical
        ],
        "waits": dict(found.waits),
        "deadlock": _deadlock(found),
        "guessed": found.guessed,
        "left_out": found.left_out,
    }


def sweep_json(over: Range, points: Sequence[Point]) -> dict[str, Any]:
    """A sweep."""
    return {
        "type": over.type,
        "points": [
            {
                "count": point.count,
                "makespan": _makespan(point.prediction),
                "warm_up": point.prediction.warm_up,
                "deadlock": _deadlock(point.prediction),
            }
            for point in points
        ],
    }


def _makespan(found: Prediction) -> dict[str, float] | None:
    if not found.makespans:
        return None
    return {"low": found.low, "median": found.makespan, "high": found.high}


def _deadlock(found: Prediction) -> dict[str, Any] | None:
    return {"at": found.stuck_at, "what": list(found.stuck)} if found.stuck else None
