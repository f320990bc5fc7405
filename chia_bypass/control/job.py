"""Recording a submitted job on the node of its driver, where nothing of ours is installed.

Started by the line that hook/job_submit.py puts before the job's entrypoint. Needs what Ray brings,
and neither Rich nor Typer.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NoReturn

from chia_bypass.checked_fields import checked
from chia_bypass.control.record_session import RecordSession
from chia_bypass.control.recorded import Recorded
from chia_bypass.errors import ChiaBypassError
from chia_bypass.options import RecordOptions
from chia_bypass.recording.summary import by_function
from chia_bypass.wording import visible

_PLAIN = re.compile(r"[\w@%+:,./-][\w@%+=:,./ -]*")
"""Entrypoints in which a shell finds nothing but words."""


def main(unpacked: str) -> NoReturn:
    """Record as ``sys.argv`` says (folder, options, entrypoint), then exit with its status.

    ``unpacked`` is the folder that our sources were unpacked into for this; it is removed.
    """
    folder, options, entrypoint = sys.argv[1:]
    try:
        status = _record(
            Path(folder), checked(RecordOptions, json.loads(options)), command_of(entrypoint)
        )
    except ChiaBypassError as error:
        _say(str(error))
        status = error.status
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
    sys.exit(status)


def command_of(entrypoint: str) -> tuple[str, ...]:
    """The command that a shell makes of ``entrypoint``; one for a shell where it is needed."""
    words = tuple(shlex.split(entrypoint)) if _PLAIN.fullmatch(entrypoint) else ()
    if words and "=" not in words[0]:
        return words
    return ("sh", "-c", entrypoint)


def _record(folder: Path, options: RecordOptions, command: Sequence[str]) -> int:
    with RecordSession(folder, command, options, jobs=True) as session:
        _say(f"recording into {socket.gethostname()}:{folder}")
        if session.not_own:
            _say(f"the recording will count as foreign: {session.not_own}")
        status = _run(command, session.environment(os.environ))
        recorded = session.finish(status)
    if recorded is None:
        return status
    return _report(folder, recorded, status)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run the command; returns its exit status, 128 + n after signal n."""
    # Ray stops a job by a signal to each of its processes: the command gets its own.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: None)
    with subprocess.Popen(command, env=dict(environment)) as child:
        code = child.wait()
    return code if code >= 0 else 128 - code


def _report(folder: Path, recorded: Recorded, status: int) -> int:
    for reason in recorded.spoiled:
        _say(f"SPOILED, a result is missing: {reason}")
    if not recorded.recording.contents.drivers and not recorded.spoiled:
        why = "; ".join(recorded.troubles) or "the job made no ChiaFunction call"
        _say(f"nothing was recorded: {why}")
        return status or 2
    count = sum(row.stored for row in by_function(recorded.recording))
    _say(f"{count} recorded into {socket.gethostname()}:{folder}")
    _say(f"replay there with: chia-bypass replay {folder}")
    return recorded.exit_status(status)


def _say(text: str) -> None:
    print(visible(f"chia-bypass: {text}"), file=sys.stderr, flush=True)
