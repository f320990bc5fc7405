"""What is installed here, and whether recording can work: `chia-bypass doctor`.

Nothing is imported that takes long or runs much: other interpreters are asked in a process of their
own, and the hook is tried on a Python that does nothing.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib import metadata
from pathlib import Path
from typing import Final

from chia_bypass.control import environment, handshake
from chia_bypass.control.private_folder import control_folder, discard
from chia_bypass.driver.stale_ray import stale_ray
from chia_bypass.sandbox.kernel import Refused
from chia_bypass.sandbox.plan import plan
from chia_bypass.sandbox.sandbox import prepare
from chia_bypass.session import Mode, Session

_OURS: Final = ("chia-bypass", "ray", "chialoops", "msgpack", "numpy", "plotly")
_LEAST_RAY: Final = (2, 54)
_LEAST_PYTHON: Final = (3, 10)
_SECONDS: Final = 60
"""How long another interpreter may take to answer."""
_SPACE: Final = 1_000_000_000
_FILES: Final = 4096
_ASK: Final = """\
import json, platform
from importlib import metadata
found = {"python": platform.python_version()}
for name in %r:
    try:
        found[name] = metadata.version(name)
    except metadata.PackageNotFoundError:
        pass
print(json.dumps(found))
"""


class Verdict(str, Enum):
    """What a finding means."""

    OK = "ok"
    NOTE = "note"
    """Nothing is wrong, and it is good to know."""
    WRONG = "wrong"
    """Recording or replaying will not work before it is mended."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    verdict: Verdict
    subject: str
    found: str
    remedy: str = ""
    """What to do about it."""


def diagnose(python: str, folder: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look at this installation, at `python` (what runs the loops) and at where `folder` is."""
    yield Finding(Verdict.OK, "chia-bypass", _versions())
    where = shutil.which(python, path=environ.get("PATH"))
    if where is None:
        remedy = "Name the Python of your loops: chia-bypass doctor --python PATH"
        yield Finding(Verdict.WRONG, "python of the loops", f"{python}: not found", remedy)
    else:
        yield from _interpreter(where, environ)
        yield _hook(where, environ)
    yield from _surroundings(environ)
    yield from _machine(folder)


def _versions() -> str:
    found = []
    for name in _OURS:
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return f"{', '.join(found)}, Python {platform.python_version()}"


def _interpreter(python: str, environ: Mapping[str, str]) -> Iterator[Finding]:
    answer = _run([python, "-c", _ASK % (_OURS,)], environ)
    try:
        found = json.loads(answer.stdout)
    except ValueError:
        yield Finding(Verdict.WRONG, "python of the loops", f"{python}: {_last_line(answer)}")
        return
    version = found.pop("python")
    old = _number(version) < _LEAST_PYTHON
    remedy = f"Python {'.'.join(map(str, _LEAST_PYTHON))} or newer is needed" if old else ""
    verdict = Verdict.WRONG if old else Verdict.OK
    yield Finding(verdict, "python of the loops", f"{python}: {version}", remedy)
    yield _ray(found.get("ray"))
    chia = found.get("chialoops")
    yield Finding(
        Verdict.OK if chia else Verdict.NOTE,
        "chia",
        f"chialoops {chia}"
        if chia
        else "not installed: only loops with chia_bypass.ChiaFunction can run",
    )


def _ray(version: str | None) -> Finding:
    if version is None:
        remedy = "pip install ray, or name the interpreter of your loops with --python"
        return Finding(Verdict.WRONG, "ray", "not installed", remedy)
    if _number(version) < _LEAST_RAY:
        least = ".".join(map(str, _LEAST_RAY))
        return Finding(Verdict.WRONG, "ray", version, f"Ray {least} or newer is needed")
    return Finding(Verdict.OK, "ray", version)


def _number(version: str) -> tuple[int, ...]:
    parts = version.split(".")[:2]
    return tuple(int(part) for part in parts if part.isdecimal())


def _hook(python: str, environ: Mapping[str, str]) -> Finding:
    """Start a Python that does nothing under the hook, and see whether it reports."""
    control = control_folder()
    try:
        session = Session(Mode.RECORD, str(control / "recording"), str(control), "0" * 32)
        session.save()
        answer = _run([python, "-c", "pass"], environment.environment(session.file, environ))
        shakes = handshake.read(control)
    finally:
        discard(control)
    troubles = [trouble for shake in shakes for trouble in shake.troubles]
    if troubles:
        return Finding(Verdict.WRONG, "hook", "; ".join(troubles), "Please report this error")
    if shakes:
        return Finding(Verdict.OK, "hook", f"loads in {python}")
    return Finding(
        Verdict.WRONG,
        "hook",
        f"does not load in {python}" + (f": {_last_line(answer)}" if answer.stderr else ""),
        "The hook is a sitecustomize on PYTHONPATH: look for a wrapper that clears the "
        "environment, or that passes -I, -E or -S",
    )


def _run(command: list[str], environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run it in an empty folder: modules of the working directory must not be imported."""
    try:
        with tempfile.TemporaryDirectory(prefix="chia-bypass-") as empty:
            return subprocess.run(
                command,
                cwd=empty,
                env=dict(environ),
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_SECONDS,
                check=False,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return subprocess.CompletedProcess(command, 1, "", str(error))


def _last_line(answer: subprocess.CompletedProcess[str]) -> str:
    lines = answer.stderr.strip().splitlines()
    return lines[-1] if lines else f"exit status {answer.returncode} and no answer"


def _surroundings(environ: Mapping[str, str]) -> Iterator[Finding]:
    for name in ("PYTHONNOUSERSITE", "PYTHONSAFEPATH", "PYTHONHOME"):
        if environ.get(name):
            yield Finding(Verdict.NOTE, name, environ[name])
    if environ.get("RAY_ADDRESS"):
        yield Finding(
            Verdict.NOTE,
            "RAY_ADDRESS",
            environ["RAY_ADDRESS"],
            "record uses it as the loop does; replay does not, unless --address is given",
        )
    stale = stale_ray(environ)
    if stale is not None:
        yield Finding(Verdict.WRONG, "address of Ray", stale.found, stale.remedy)
    if shutil.which("git", path=environ.get("PATH")) is None:
        yield Finding(Verdict.NOTE, "git", "not found: recordings will not name their code")


def _machine(folder: Path) -> Iterator[Finding]:
    there = next((p for p in (folder.absolute(), *folder.absolute().parents) if p.is_dir()), Path())
    free = shutil.disk_usage(there).free
    shown = f"{free / 1e9:.1f} GB free at {there}"
    if not os.access(there, os.W_OK):
        remedy = "Record elsewhere: -o DIR"
        yield Finding(Verdict.WRONG, "recordings", f"{there} cannot be written", remedy)
    elif free < _SPACE:
        yield Finding(Verdict.NOTE, "recordings", shown, "Large results may not fit")
    else:
        yield Finding(Verdict.OK, "recordings", shown)
    yield _file_handles()
    yield _sandbox(there)
    shared = Path("/dev/shm")
    if shared.is_dir():
        size = shutil.disk_usage(shared).total
        yield Finding(Verdict.OK, "shared memory", f"{size / 1e9:.1f} GB for Ray's objects")


def _sandbox(folder: Path) -> Finding:
    """Whether a replay in `folder` can be kept from writing to it."""
    try:
        with tempfile.TemporaryDirectory(prefix="chia-bypass-") as control:
            prepare(plan(folder, (), ()), Path(control)).close()
    except Refused as refused:
        remedy = "replay and check let the loop write to your files, as a plain run does"
        return Finding(Verdict.NOTE, "sandbox", str(refused), remedy)
    return Finding(Verdict.OK, "sandbox", f"a replay in {folder} keeps what it writes out of it")


def _file_handles() -> Finding:
    import resource  # not there on every system

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = 0 <= soft < _FILES
    remedy = f"Ray wants more with many workers: ulimit -n {_FILES}" if few else ""
    return Finding(Verdict.NOTE if few else Verdict.OK, "open files", f"{soft} allowed", remedy)
