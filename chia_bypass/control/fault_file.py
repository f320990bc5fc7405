"""Faults from a file, for rules that are kept."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import yaml

from chia_bypass.errors import ConfigError
from chia_bypass.fault_rules import FORM, FaultRule


def faults_in(file: str | None) -> tuple[str, ...]:
    """The rules of a YAML file, which is a list of them; none without one. Raises ConfigError."""
    if file is None:
        return ()
    content = _content(Path(file))
    if not isinstance(content, list):
        raise ConfigError(file, "", "it is no list of faults", f"Write: - {FORM}")
    return tuple(_rule(file, text) for text in content)


def _content(path: Path) -> Any:
    try:
        return yaml.safe_load(path.read_text("utf-8"))
    except OSError as error:
        problem = f"cannot be read: {error.strerror}"
        raise ConfigError(str(path), "", problem, "Check the path") from error
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(str(path), "", f"not YAML: {error}") from None


def _rule(file: str, text: Any) -> str:
    if not isinstance(text, str):
        raise ConfigError(file, str(text), "it is no text", f"A fault is {FORM}")
    try:
        return FaultRule.of(text).text
    except ValueError as error:
        raise ConfigError(file, text, str(error), f"A fault is {FORM}") from None
