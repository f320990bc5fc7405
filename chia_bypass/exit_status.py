"""Exit statuses of the command line: from here come the help's and the README's lists, too."""

from __future__ import annotations

from enum import IntEnum


class ExitStatus(IntEnum):
    """How a command ended. Any other status is that of the command that it ran."""

    meaning: str
    """One sentence for users."""

    def __new__(cls, number: int, meaning: str) -> ExitStatus:
        """A number with its meaning."""
        status = int.__new__(cls, number)
        status._value_, status.meaning = number, meaning
        return status

    OK = 0, "All is well."
    DIFFERENT = 1, "`diff`: the recordings differ; `doctor`: something is wrong."
    USAGE = 2, "The request cannot be carried out; the message says what to do instead."
    MISSED = 20, "A call was missed: no recording answers it, and it may not run for real."
    DRIFTED = 21, "`check`: arguments, sources or the order differ from the recording."
    UNUSED = 22, "`check`: the loop did not make some of the recorded calls."
    STALE = 23, "Served and real calls that share state would have mixed."
    INCOMPLETE = 24, "The recording was cut off; in a replay, the loop went on beyond its end."
    SPOILED = 25, "The command succeeded, but its recording lacks results."
    CORRUPT = 26, "The recording is damaged."
    NEVER_PLACED = (
        27,
        "`plan`, `--cluster`: something can never be placed there, or waits for ever.",
    )
    UNFORESEEN = 70, "An error that nobody foresaw; CHIA_BYPASS_TRACEBACK=1 shows where."
    NO_OUTPUT = 74, "Standard output cannot be written."
    NOT_EXECUTABLE = 126, "The command exists but cannot be run."
    NOT_FOUND = 127, "The command does not exist."


OF_COMMAND = "Any other status is the command's own; 128 + N: signal N ended it."
