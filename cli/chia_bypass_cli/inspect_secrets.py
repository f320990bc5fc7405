"""`chia-bypass inspect DIR --scan-secrets`."""

from __future__ import annotations

import json
from pathlib import Path

from chia_bypass_cli import terminal


def show(folder: Path, *, as_json: bool) -> None:
    """List what looks like a secret in the values of the recording."""
    from chia_bypass.look.archive.secrets import secrets_in, secrets_of_tags
    from chia_bypass.recording.reader import Recording

    recording = Recording.open(folder)
    found = [*secrets_in(recording, recording.index.paths), *secrets_of_tags(recording)]
    if as_json:
        shown = [{"call": path, **secret._asdict()} for path, secret in found]
        terminal.line(json.dumps(shown, indent=1))
        return
    for path, secret in found:
        terminal.line(f"{secret.kind} {secret.shown} in the value of {path}")
    terminal.line(f"values that look like secrets: {len(found)}, in {len(recording.index)} calls")
