"""Keeping secrets out of recordings: by well-known forms for what is shown, by rules for values.

Pure. What is shown (renderings, messages, commands) is never compared, so it loses whatever looks
like a secret. Values are: they are changed only by rules that the user gave, and by the same ones
when recording and when replaying.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

from chia_bypass.names import named
from chia_bypass.options import RecordOptions
from chia_bypass.recording.records import RedactionRule, Run
from chia_bypass.values.redactor import REDACTED, Redactor
from chia_bypass.values.rendering import render

_NAME: Final = r"(?:api[-_]?key|access[-_]?key|secret(?:[-_]?key)?|token|passw(?:or)?d|passphrase)"
_FORMS: Final[Mapping[str, str]] = {
    "API key": r"\bsk-[A-Za-z0-9_-]{16,}",
    "GitHub token": r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,})",
    "GitLab token": r"\bglpat-[A-Za-z0-9_-]{16,}",
    "AWS key": r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    "Google key": r"\bAIza[0-9A-Za-z_-]{35}",
    "Slack token": r"\bxox[abposr]-[A-Za-z0-9-]{10,}",
    "Hugging Face token": r"\bhf_[A-Za-z0-9]{20,}",
    "bearer token": r"(?<=[Bb]earer )[A-Za-z0-9._~+/=-]{8,}",
    "basic authorization": (
        r"(?P<basic>(?i:authorization['\"]?\s*[:=]\s*['\"]?basic\s+))[A-Za-z0-9+/=]{4,}"
    ),
    "token in a URL": r"(?<=://)[^\s/:@'\"]{8,}(?=@)",
    "JSON web token": r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    "password in a URL": r"(?<=://)(?P<user>[^\s/:@'\"]*:)[^\s/@'\"]+(?=@)",
    "private key": r"-----BEGIN [A-Z ]*PRIVATE KEY-----(?s:.*?)(?:-----END [A-Z ]*-----|\Z)",
    "named secret": (
        rf"(?P<name>(?i:{_NAME})(?:['\"]?\s?[:=]\s?|(?<=[a-zA-Z])\s)['\"]?)[^\s'\",;&)}}\]]{{6,}}"
    ),
}
"""What secrets look like. A named group is what stays of the match."""
_SECRET: Final = re.compile("|".join(f"(?:{form})" for form in _FORMS.values()))
_KINDS: Final = {name: re.compile(form) for name, form in _FORMS.items()}
_HINT: Final = re.compile(
    r"sk-|gh[pousr]_|_pat_|pat-|AKIA|ASIA|AIza|xox|hf_|earer |eyJ|://|PRIVATE|"
    r"(?i:key|secret|token|passw|passphrase|basic)"
)
"""What no secret is without: most texts are done with after this one search."""
_OPTION: Final = re.compile(rf"--?(?i:[\w-]*(?:{_NAME}|key|pass|pwd|auth|credentials?|pat))")
_PASSWORD_OR_PORT: Final = "-p"
_NO_PASSWORD: Final = re.compile(r"\d+|no:.*|[./~].*|[a-z_.]+|-.*")
"""What stands behind ``-p`` of other programs: ports, plugins, paths, names."""
_PARAMETER: Final = re.compile(rf"(?i:(?:\w*_)?(?:{_NAME}|pass|pwd|credentials?)(?:_\w*)?)")


@lru_cache(maxsize=1_000)
def _is_secret(parameter: str) -> bool:
    """Whether the name of a parameter says that it is given one."""
    return _PARAMETER.fullmatch(parameter) is not None


class Secret(NamedTuple):
    """Something that looks like a secret."""

    kind: str
    """``API key``, ``password in a URL``, ..."""
    shown: str
    """Its first characters."""


def hide_secrets(text: str) -> str:
    """``text`` without what looks like a secret."""
    return _SECRET.sub(_what_stays, text) if _HINT.search(text) else text


def _what_stays(match: re.Match[str]) -> str:
    return "".join(filter(None, match.groupdict().values())) + REDACTED


def hide_in_command(command: Sequence[str]) -> tuple[str, ...]:
    """The words of a command without secrets: ``--api-key X`` too, which are two words."""
    hidden = [hide_secrets(word) for word in command]
    for place, word in enumerate(command[:-1]):
        asks = word == _PASSWORD_OR_PORT and not _NO_PASSWORD.fullmatch(command[place + 1])
        if asks or _OPTION.fullmatch(word):
            hidden[place + 1] = REDACTED
    return tuple(hidden)


def find_secrets(text: str) -> Iterator[Secret]:
    """What looks like a secret in ``text``."""
    if _HINT.search(text):
        for kind, form in _KINDS.items():
            for match in form.finditer(text):
                kept = "".join(filter(None, match.groupdict().values()))
                if REDACTED not in match.group():
                    yield Secret(kind, match.group().removeprefix(kept)[:6] + "…")


@dataclass(frozen=True, slots=True)
class Redaction:
    """The rules of a run."""

    rules: tuple[RedactionRule, ...] = ()

    @staticmethod
    def of(options: RecordOptions) -> Redaction:
        """From what a user said."""
        within = (rule.partition("=") for rule in options.redact_in)
        return Redaction(
            (
                *(RedactionRule(pattern, "*") for pattern in options.redact),
                *(RedactionRule(pattern, glob) for glob, _, pattern in within),
            )
        )

    @staticmethod
    def of_runs(runs: Iterable[Run]) -> Redaction:
        """The rules under which a recording was made, each once."""
        return Redaction(tuple(dict.fromkeys(rule for run in runs for rule in run.redact)))

    @property
    def options(self) -> RecordOptions:
        """What a user would say to have these rules: `of` gives them back."""
        return RecordOptions(redact_in=[f"{rule.function}={rule.pattern}" for rule in self.rules])

    def redactor(self, function: str) -> Redactor | None:
        """What applies the rules to arguments and results of ``function``; None without rules."""
        if not self.rules:
            return None
        patterns = tuple(rule.pattern for rule in self.rules if named(function, (rule.function,)))
        return Redactor(patterns) if patterns else None

    def shown(self, text: str, function: str) -> str:
        """``text``, to be shown to people, without secrets and without what the rules match."""
        redactor = self.redactor(function)
        return hide_secrets(text if redactor is None else redactor.text(text))

    def rendered(self, value: object, function: str, limit: int = 120, name: str = "") -> str:
        """``value`` in at most ``limit`` characters, without secrets.

        ``name``: of the parameter that it is given to, which may say that it is one.
        """
        if name and _is_secret(name):
            return REDACTED
        # Cut only afterwards: half of a key looks like none.
        text = self.shown(render(value, 4 * limit), function)
        return text if len(text) <= limit else text[: limit - 1] + "…"


NO_RULES: Final = Redaction()
