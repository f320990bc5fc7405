"""What looks like a secret in a recording's values and files, and in the texts of its errors."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from chia_bypass.recording.reader import Recording
from chia_bypass.recording.redaction import Secret, find_secrets


def secrets_in(recording: Recording, paths: Collection[str]) -> Iterator[tuple[str, Secret]]:
    """Secrets in all results of the calls at ``paths``, each with its call, each once a value.

    Raises RecordingCorrupt for a value that cannot be read.
    """
    for path in sorted({*paths} & set(recording.contents.results)):
        for stored in recording.contents.results[path]:
            parts = [recording.document(stored)] if stored.result.content else []
            parts += [recording.buffer(b.digest, b.length) for b in stored.result.buffers]
            for left in stored.result.files:
                blobs = (*left.blobs, *([left.bundle] if left.bundle else []))
                parts += [recording.buffer(blob.digest, blob.length) for blob in blobs]
            # Their bytes are looked at, not the values: texts stand in them as they are.
            texts = [bytes(part).decode("latin-1") for part in parts]
            texts.append(stored.result.raised.text if stored.result.raised else "")
            found = (secret for text in texts for secret in find_secrets(text))
            yield from ((path, secret) for secret in dict.fromkeys(found))


def secrets_of_tags(recording: Recording) -> Iterator[tuple[str, Secret]]:
    """What looks like a secret in tags, which are stored as they are, each with its call."""
    index = recording.index
    for number, path in enumerate(index.paths):
        yield from ((f"{path}, its tag", found) for found in find_secrets(index.tag(number) or ""))
