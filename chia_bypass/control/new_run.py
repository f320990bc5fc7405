"""What a manifest says about a run that begins now."""

from __future__ import annotations

import os
import platform
import secrets
import shutil
import subprocess
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

from chia_bypass.errors import UsageError
from chia_bypass.options import RecordOptions
from chia_bypass.recording.records import Run
from chia_bypass.recording.redaction import Redaction, hide_in_command
from chia_bypass.values.kinds import DigestRules


def new_run(
    folder: Path,
    command: Sequence[str],
    options: RecordOptions,
    rules: DigestRules = DigestRules.CONTENT,
) -> Run:
    """The run of ``command``, recorded into ``folder``; ``rules``: of the runs that are there.

    Raises UsageError.
    """
    absent = [name for name in options.keep_env if name not in os.environ]
    if absent:
        raise UsageError(f"--keep-env {absent[0]}: there is no such environment variable")
    return Run(
        id=secrets.token_hex(16),
        command=hide_in_command(command),
        directory=_directory(folder, Path.cwd()),
        started=time.time(),
        versions=versions(),
        tells_ends=True,
        tells_waits=True,
        tells_methods=True,
        digest_rules=int(rules),
        revision=_revision(),
        environment=tuple(sorted(os.environ)),
        kept={name: os.environ[name] for name in options.keep_env},
        redact=Redaction.of(options).rules,
    )


def _directory(folder: Path, working: Path) -> str:
    if folder.is_relative_to(working):
        return os.path.relpath(working, folder)
    return str(working)


def versions() -> dict[str, str]:
    """Versions that may explain why two runs differ."""
    found = {"python": platform.python_version()}
    for name in ("chia-bypass", "ray", "chialoops", "msgpack", "numpy"):
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _revision() -> str:
    """The git revision of the working directory, with a plus if it has changes; or empty."""
    git = shutil.which("git")
    if git is None:
        return ""
    shown = subprocess.run(
        [git, "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"],
        capture_output=True,
        text=True,
        check=False,
    )
    return shown.stdout.strip()
