"""``ray job submit`` under `record`: the job records itself, on the node that its driver gets.

The environment of the process that submits does not reach the driver of the job. So our sources go
to the cluster as a package, like the working directory does, and the entrypoint is prefixed by a
line that unpacks them there and lets :mod:`chia_bypass.control.job` record the entrypoint. (Not as
``py_modules``: those of the job and those of a loop's own ``ray.init`` exclude each other.)
"""

from __future__ import annotations

import functools
import io
import json
import re
import shlex
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import asdict
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

from chia_bypass import files, ray_private
from chia_bypass.errors import UsageError
from chia_bypass.hook.announcing import announce
from chia_bypass.options import RecordOptions
from chia_bypass.patches.patching import Patch, Undo
from chia_bypass.recording.layout import SEGMENTS
from chia_bypass.session import Mode, Session

_UNPACK = (
    "import io,os,sys,tempfile,zipfile;"
    f"{ray_private.READ_PACKAGE};"
    "d=tempfile.mkdtemp(prefix='chia-bypass-');"
    "zipfile.ZipFile(io.BytesIO(package)).extractall(d);"
    "sys.path.insert(0,d);"
    "from chia_bypass.control.job import main;"
    "main(d)"
)
"""Run by ``python -c`` in the job."""

_DATE = (1980, 1, 1, 0, 0, 0)
"""Of every file in the package, so that the same sources are the same package."""

_WHERE = {
    "entrypoint_num_cpus": "CPU",
    "entrypoint_num_gpus": "GPU",
    "entrypoint_memory": "memory",
    "entrypoint_resources": "resources",
    "entrypoint_label_selector": "labels",
}
"""Arguments of ``submit_job`` by which the driver gets a node of its own."""


def install(module: ModuleType, session: Session) -> Undo:
    """Have submitted jobs record themselves, or refuse them in a replay; returns the undoing.

    ``module`` is ``ray.dashboard.modules.job.sdk``.
    """
    return _SUBMIT.install(module.JobSubmissionClient, setting=session)


def _recording(original: Any) -> Any:
    @functools.wraps(original)
    def submit_job(self: Any, **arguments: Any) -> Any:
        session = _SUBMIT.setting
        if session is None:
            return original(self, **arguments)
        try:
            entrypoint, path = _prepare(self, arguments, session)
        except UsageError as error:
            # In a tool of Ray's, which would show a traceback.
            raise SystemExit(f"chia-bypass: {error}") from error
        job = original(self, **{**arguments, "entrypoint": entrypoint})
        place = _place(self, arguments)
        print(f"chia-bypass: job {job} is recorded into {path} on {place}", file=sys.stderr)
        sys.stderr.flush()
        return job

    return submit_job


_SUBMIT: Patch[Session] = Patch("submit_job", _recording)


def _prepare(client: Any, arguments: Mapping[str, Any], session: Session) -> tuple[str, Path]:
    """The entrypoint that records, and where to. Raises UsageError; nothing was submitted then."""
    if session.mode is Mode.REPLAY:
        raise UsageError(
            "a replay would run this job for real, on its cluster",
            "Give the job's entrypoint instead: chia-bypass replay DIR -- python loop.py",
        )
    if not session.jobs:
        raise UsageError(
            "a job records on the node of its driver, where no relative path leads here",
            "Name a folder there: chia-bypass record -o /absolute/path -- ray job submit ...",
        )
    path = _claim(session)
    announce(session.control, "submitted", path=str(path))
    uri = _upload(client)
    return prefixed(arguments["entrypoint"], path, session.record, uri), path


def prefixed(entrypoint: str, path: Path, options: RecordOptions, uri: str) -> str:
    """The shell command that records ``entrypoint`` into ``path``."""
    words = (
        _interpreter(entrypoint),
        "-c",
        _UNPACK.format(uri=uri.encode()),
        str(path),
        json.dumps(asdict(options)),
        entrypoint,
    )
    return " ".join(map(shlex.quote, words))


def _interpreter(entrypoint: str) -> str:
    """The entrypoint's own Python, which has Ray; else the first of the job's environment."""
    first = entrypoint.split(maxsplit=1)[:1]
    name = first[0] if first else ""
    return name if re.fullmatch(r"([\w./+-]*/)?python[\d.]*", name) else "python3"


def _claim(session: Session) -> Path:
    """The folder for the next job of this command: the session's own for the first.

    That one is still empty, and given up here, since the job may run on this very machine.
    """
    claims = Path(session.control) / "jobs"
    own = Path(session.recording)
    used = own.is_dir() and any((own / SEGMENTS).iterdir())
    number = next(n for n in count(2 if used else 1) if files.claim(claims / str(n)))
    if number == 1:
        shutil.rmtree(own, ignore_errors=True)
        return own
    return own.with_name(f"{own.name}-{number}")


def _upload(client: Any) -> str:
    """Put our sources where the job can get them; returns their URI."""
    with tempfile.TemporaryDirectory(prefix="chia-bypass-") as folder:
        package = Path(folder) / "chia_bypass.zip"
        package.write_bytes(sources())
        return ray_private.upload(client, str(package))


def sources() -> bytes:
    """A zip of this package's modules: the same bytes for the same sources."""
    package = Path(__file__).resolve().parents[1]
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for path in sorted(package.rglob("*.py")):
            name = path.relative_to(package.parent).as_posix()
            archive.writestr(zipfile.ZipInfo(name, _DATE), path.read_bytes(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def _place(client: Any, arguments: Mapping[str, Any]) -> str:
    asked = ", ".join(f"{name}: {arguments[a]}" for a, name in _WHERE.items() if arguments.get(a))
    if asked:
        return f"the node of its driver, one that has {asked} (the job's log names it)"
    return f"the node of its driver, the head of {ray_private.job_server(client)}"
