from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from chia_bypass.errors import CannotKeep
from chia_bypass.recording.records import RedactionRule
from chia_bypass.recording.redaction import (
    NO_RULES,
    Redaction,
    find_secrets,
    hide_in_command,
    hide_secrets,
)
from chia_bypass.values.class_lookup import Sketches
from chia_bypass.values.decode import decode
from chia_bypass.values.digest import digest
from chia_bypass.values.encode import Encoded, encode
from chia_bypass.values.redactor import REDACTED, Redactor

LETTERS = "abcdEFGH1234" * 4
SECRETS = {
    "API key": "sk-" + LETTERS,
    "GitHub token": "ghp_" + LETTERS[:36],
    "GitLab token": "glpat-" + LETTERS[:20],
    "AWS key": "AKIA" + "ABCDEFGH12345678",
    "Google key": "AIza" + LETTERS[:35],
    "Slack token": "xoxb-" + LETTERS[:20],
    "Hugging Face token": "hf_" + LETTERS[:30],
    "JSON web token": f"eyJ{LETTERS[:20]}.{LETTERS[:20]}.{LETTERS[:10]}",
}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_of_known_form_is_hidden_wherever_it_stands(kind: str) -> None:
    secret = SECRETS[kind]
    for text in (secret, f"Client(key={secret!r}, n=1)", f"failed with {secret}."):
        assert secret not in hide_secrets(text)
        assert kind in {found.kind for found in find_secrets(text)}
        assert all(len(found.shown) < 10 for found in find_secrets(text))


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("Authorization: Bearer abc.def-ghi", f"Authorization: Bearer {REDACTED}"),
        ("https://me:hunter2@host/x", f"https://me:{REDACTED}@host/x"),
        ("{'api_key': 'abcdefgh', 'n': 1}", f"{{'api_key': '{REDACTED}', 'n': 1}}"),
        ("DB_PASSWORD=swordfish ok", f"DB_PASSWORD={REDACTED} ok"),
        ("--api-key 1234567 --n 3", f"--api-key {REDACTED} --n 3"),
        ("-----BEGIN RSA PRIVATE KEY-----\nAB\n-----END RSA PRIVATE KEY-----!", f"{REDACTED}!"),
    ],
)
def test_what_is_around_a_secret_stays(text: str, hidden: str) -> None:
    assert hide_secrets(text) == hidden


@pytest.mark.parametrize(
    "text",
    ["", "task-1234567890123456789", "https://host:8000/x", "monkey = 1", "tokens=5", "key=3", "x"],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert hide_secrets(text) == text


def test_the_word_after_an_option_for_a_secret_is_hidden() -> None:
    command = ("python", "loop.py", "--openai-api-key", "x1", "--n", "3", "--token=abcdef")
    expected = ("python", "loop.py", "--openai-api-key", REDACTED, "--n", "3")
    assert hide_in_command(command) == (*expected, f"--token={REDACTED}")


@dataclass
class Client:
    name: str
    notes: list[Any]


def values(secret: str) -> list[Any]:
    return [
        f"a{secret}b",
        secret.encode() * 2,
        bytearray(secret.encode()),
        [{"k": (secret, 1)}],
        {secret: 1, 2: {secret}},
        OrderedDict({f"x{secret}": Path(f"/tmp/{secret}")}),
        Client(secret, [secret + "x" * 300, secret.encode() * 30_000]),
        ValueError(secret, 3),
        {"deep": {secret: 1}},
    ]


def stored(encoded: Encoded) -> bytes:
    return encoded.document + b"".join(bytes(buffer.data) for buffer in encoded.buffers)


@pytest.mark.parametrize("place", range(9))
def test_rules_reach_every_text_before_digests(place: int) -> None:
    one, other = values("hush-1")[place], values("hush-2")[place]
    redactor = Redactor([r"hush-\d"])
    encoded = encode(one, redactor=redactor)
    assert b"hush" not in stored(encoded)
    assert redactor.count > 0
    assert digest(one).value != digest(other).value
    with_rules = [digest(v, redactor=Redactor([r"hush-\d"])).value for v in (one, other)]
    assert with_rules[0] == with_rules[1]


def test_a_redacted_value_still_rebuilds() -> None:
    encoded = encode({"key": ["hush", 1, b"hush"]}, redactor=Redactor(["hush"]))
    value = decode(
        encoded.document,
        classes=Sketches(),
        buffer=lambda digest, length: memoryview(b""),
        reference=lambda reference: reference,
    )
    assert value == {"key": [REDACTED, 1, REDACTED.encode()]}


class Pickled:
    def __init__(self, text: str) -> None:
        self.text = text

    def __getstate__(self) -> dict[str, str]:
        return vars(self)


def test_what_cannot_be_changed_is_not_kept() -> None:
    with pytest.raises(CannotKeep, match="redaction rule matches inside"):
        encode(Pickled("hush"), redactor=Redactor(["hush"]))
    with pytest.raises(CannotKeep, match="two keys are one"):
        encode({"hush1": 1, "hush2": 2}, redactor=Redactor([r"hush\d"]))


def test_without_a_match_nothing_changes() -> None:
    value = [{"a": 1, "b": ("x", b"y", Decimal(1))}, "text"]
    redactor = Redactor(["hush"])
    assert encode(value, redactor=redactor) == encode(value)
    assert digest(value, redactor=redactor) == digest(value)
    assert redactor.count == 0


def test_a_rule_may_be_for_some_functions() -> None:
    redaction = Redaction((RedactionRule("hush", "Node.*"), RedactionRule("psst", "*")))
    node, other = redaction.redactor("pkg:Node.run"), redaction.redactor("pkg:f")
    assert node is not None
    assert other is not None
    assert (node.text("hush psst"), other.text("hush psst")) == (
        f"{REDACTED} {REDACTED}",
        f"hush {REDACTED}",
    )
    assert redaction.shown("psst", "pkg:f") == REDACTED
    assert Redaction().redactor("pkg:f") is None


def test_a_rendering_is_cut_after_secrets_are_hidden() -> None:
    text = "x " * 55 + SECRETS["API key"] + " y" * 55
    shown = Redaction().rendered(text, "pkg:f")
    assert len(shown) == 120
    assert shown.endswith("…")
    assert "sk-" not in shown


@pytest.mark.parametrize(
    ("command", "secret"),
    [
        (("curl", "-H", "Authorization: Basic dXNlcjpwYXNz"), "dXNlcjpwYXNz"),
        (("git", "clone", "https://ghx1234567890abc@host/x"), "ghx1234567890abc"),
        (("psql", "-p", "hunter2!X"), "hunter2!X"),
        (("tool", "--key", "abc123def"), "abc123def"),
        (("tool", "--auth", "abc123def"), "abc123def"),
        (("tool", "--db-pass", "abc123def"), "abc123def"),
    ],
)
def test_more_forms_of_secrets_in_commands(command: tuple[str, ...], secret: str) -> None:
    hidden = hide_in_command(command)
    assert secret not in " ".join(hidden)
    assert hidden[0] == command[0]


@pytest.mark.parametrize(
    "command",
    [
        ("ssh", "-p", "22", "git@host"),
        ("pytest", "-p", "no:cacheprovider"),
        ("python", "-p", "./folder/x"),
        ("git", "clone", "ssh://git@host/x"),
        ("loop.py", "--keyboard", "abc"),
    ],
)
def test_what_is_none_stays(command: tuple[str, ...]) -> None:
    assert hide_in_command(command) == command


@pytest.mark.parametrize("name", ["password", "api_key", "db_password", "token", "secret_key"])
def test_an_argument_that_is_called_so_is_not_shown(name: str) -> None:
    assert NO_RULES.rendered("hunter2", "f", name=name) == REDACTED
    assert NO_RULES.rendered("hunter2", "f", name="design") == "'hunter2'"
