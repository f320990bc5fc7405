"""A small recording with everything in it that a recording can hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from chia_bypass.errors import CannotKeep
from chia_bypass.recording.folder import RunFolder
from chia_bypass.recording.layout import BYPASS_YAML
from chia_bypass.recording.records import Cluster, Driver, Outcome, Result, Uncaptured
from chia_bypass.recording.writer import (
    ResultWriter,
    SegmentWriter,
    append_records,
    segment_header,
)
from chia_bypass.values.kinds import Reference
from support.sample_records import encoded, make_call, make_result, make_run

BIG = bytes(range(256)) * 260
LONG_LIST = [f"{n:050}" for n in range(1400)]
"""Its document is a file of its own."""


def write_small(folder: Path, *, closed: bool = True) -> Path:
    """Write it into ``folder``: two writers, 6 calls, one of them unfinished, two attempts."""
    with RunFolder.create(folder, make_run(), "host") as run:
        driver = SegmentWriter.unique(folder, segment_header("run", "driver", "host", 1, 0.0))
        calls = [make_call(n, tag=f"t{n}" if n % 2 else None, x=n, y="a") for n in range(6)]
        cluster = Cluster("loop.0", ({"id": "n", "host": "host", "resources": {"CPU": 2.0}},))
        counted = Uncaptured("loop.0", "in place", "loop:g", 3)
        started = Driver("loop.0", ("loop.py",), "host", 1, 0.0)
        append_records(driver, [started, cluster, *calls, counted])
        worker = SegmentWriter.unique(folder, segment_header("run", "worker", "host", 2, 0.0))
        results = ResultWriter(folder, worker)
        failed = ValueError("no")
        results.write(make_result(calls[0], outcome=Outcome.EXCEPTION), encoded(failed))
        results.write(make_result(calls[0], attempt=1), encoded({"a": (1, 2.5, None)}))
        child = make_call(0, parent="loop.0/0@1", function="loop:g")
        inner = replace(make_result(child), references=(Reference("loop.0/1"),))
        results.write(inner, encoded(["é", {1, 2}]))
        results.write(make_result(calls[1]), encoded(BIG))
        results.write(make_result(calls[2]), encoded(LONG_LIST))
        results.write(make_result(calls[3]), encoded(BIG))
        results.write(unkept(make_result(calls[4])), None)
        driver.close()
        worker.close()
        if closed:
            run.close(0, 2.0)
            (folder / BYPASS_YAML).write_text("bypass:\n  f: {bypass: true, data: .}\n")
        else:
            run.abandon()
    return folder


def unkept(result: Result) -> Result:
    """``result``, with a value that has no stored form."""
    reason = str(CannotKeep("result", "m:Handle", "alive in this run only"))
    return replace(result, outcome=Outcome.UNKEPT, reason=reason)
