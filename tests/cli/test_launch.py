"""Running the wrapped command: real processes, real signals, a real terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from chia_bypass.errors import CommandNotExecutable, CommandNotFound, UsageError
from chia_bypass_cli.launch import run

ROOT = Path(__file__).resolve().parents[2]

RUNNER = """
import sys
sys.path[:0] = {path!r}
from chia_bypass_cli.launch import run
status = run({command!r}, __import__("os").environ, {on_poll})
print("status", status, flush=True)
"""

COUNTING = """
import os, signal, sys
counts = dict.fromkeys(["INT", "HUP", "QUIT"], 0)
def say(line):  # print must not be called by a handler that interrupts it
    os.write(1, line.encode() + b"\\n")
def count(name):
    def handle(*_):
        counts[name] += 1
        say("got " + name)
    return handle
def finish(*_):
    say(" ".join(f"{name}={n}" for name, n in counts.items()))
    os._exit(7)
for name in counts:
    signal.signal(getattr(signal, "SIG" + name), count(name))
signal.signal(signal.SIGTERM, finish)
say(f"ready {os.getpid()}")
while True:
    signal.pause()
"""


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def runner(command: Sequence[str], on_poll: str = "None") -> list[str]:
    """A process that runs ``command`` by our ``run`` and prints the status."""
    path = [str(ROOT), str(ROOT / "cli")]
    return python(RUNNER.format(path=path, command=list(command), on_poll=on_poll))


@pytest.mark.parametrize("status", [0, 1, 42, 255])
def test_exit_status_is_the_commands(status: int) -> None:
    assert run(python(f"raise SystemExit({status})"), os.environ) == status


@pytest.mark.parametrize("name", ["SIGKILL", "SIGTERM", "SIGSEGV", "SIGINT"])
def test_status_after_a_signal_is_128_and_its_number(name: str) -> None:
    code = (
        "import os, signal, resource; resource.setrlimit(resource.RLIMIT_CORE, (0, 0));"
        f"signal.signal(signal.{name}, signal.SIG_DFL) if '{name}' != 'SIGKILL' else 0;"
        f"os.kill(os.getpid(), signal.{name})"
    )
    assert run(python(code), os.environ) == 128 + getattr(signal, name)


def test_environment_is_the_one_given_and_decides_the_program(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text('#!/bin/sh\n[ "$MARK" = "a b" ] && [ -z "$HOME" ] && exit 9\n')
    tool.chmod(0o755)
    assert run(["tool"], {"MARK": "a b", "PATH": str(tmp_path)}) == 9


def test_no_command_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="No command was given"):
        run([], os.environ)


@pytest.mark.parametrize("name", ["no-such-tool-anywhere", "./no/such/tool"])
def test_missing_program(name: str) -> None:
    with pytest.raises(CommandNotFound, match="command not found") as caught:
        run([name, "x"], os.environ)
    assert caught.value.status == 127


@pytest.mark.parametrize(
    ("content", "mode", "reason"),
    [
        ("#!/bin/sh\n", 0o644, "Permission denied"),
        ("no shebang\n", 0o755, "Exec format error"),
        ("#!/no/such/interpreter\n", 0o755, "interpreter"),
    ],
)
def test_program_that_cannot_be_run(tmp_path: Path, content: str, mode: int, reason: str) -> None:
    tool = tmp_path / "tool"
    tool.write_text(content)
    tool.chmod(mode)
    with pytest.raises(CommandNotExecutable, match=reason) as caught:
        run([str(tool)], os.environ)
    assert caught.value.status == 126


def test_signal_mask_is_clean_for_the_command_and_restored_for_us() -> None:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    code = (
        "import signal; blocked = signal.pthread_sigmask(signal.SIG_BLOCK, []);"
        "raise SystemExit(len(blocked))"
    )
    assert run(python(code), os.environ) == 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, []) == before


def test_broken_pipe_kills_the_command_as_in_a_shell() -> None:
    assert run(["/bin/sh", "-c", "kill -PIPE $$"], os.environ) == 128 + signal.SIGPIPE


def test_standard_streams_are_the_commands() -> None:
    code = "import sys; sys.stdout.write(sys.stdin.read().upper()); sys.stderr.write('err')"
    done = subprocess.run(runner(python(code)), input="abc", capture_output=True, text=True)
    assert done.stdout == "ABCstatus 0\n"
    assert done.stderr == "err"


def test_on_poll_is_called_while_the_command_runs(tmp_path: Path) -> None:
    go = tmp_path / "go"
    code = f"import os\nwhile not os.path.exists({str(go)!r}): pass"
    calls: list[int] = []

    def on_poll() -> None:
        calls.append(1)
        if len(calls) == 3:
            go.touch()

    assert run(python(code), os.environ, on_poll) == 0
    assert len(calls) >= 3


def test_what_on_poll_raises_ends_the_command(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = (
        f"import os, signal; file = open({str(pid_file)!r}, 'w');"
        "print(os.getpid(), file=file, flush=True); signal.pause()"
    )

    def on_poll() -> None:
        if pid_file.exists() and pid_file.read_text().endswith("\n"):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        run(python(code), os.environ, on_poll)
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)


@pytest.mark.parametrize("on_poll", ["None", "lambda: None"])
def test_signals_to_us_alone_are_passed_on_once(on_poll: str) -> None:
    process = subprocess.Popen(runner(python(COUNTING), on_poll), stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("ready")
        for name in ("HUP", "INT", "QUIT"):
            process.send_signal(getattr(signal, f"SIG{name}"))
            assert process.stdout.readline() == f"got {name}\n"
        process.send_signal(signal.SIGTERM)
        assert process.stdout.readline() == "INT=1 HUP=1 QUIT=1\n"
        assert process.stdout.readline() == "status 7\n"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Our end of a pseudo-terminal, and the end of the processes in it."""
    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(theirs)
    modes[3] &= ~termios.ECHO
    termios.tcsetattr(theirs, termios.TCSANOW, modes)
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


def in_terminal(command: Sequence[str], theirs: int) -> subprocess.Popen[bytes]:
    """Start ``command`` as the foreground job of the terminal."""
    return subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )


@pytest.mark.parametrize(("key", "name"), [(b"\x03", "INT"), (b"\x1c", "QUIT")])
def test_keys_at_the_terminal_reach_the_command_once(
    terminal: tuple[int, int], key: bytes, name: str
) -> None:
    ours, theirs = terminal
    process = in_terminal(runner(python(COUNTING)), theirs)
    with os.fdopen(os.dup(ours), "rb") as output:
        assert output.readline().startswith(b"ready")
        os.write(ours, key)
        assert output.readline().strip() == f"got {name}".encode()
        # Our process takes it after the key: passing the key on would have come before.
        process.send_signal(signal.SIGTERM)
        counts = {"INT": 0, "HUP": 0, "QUIT": 0, name: 1}
        expected = " ".join(f"{one}={n}" for one, n in counts.items())
        assert output.readline().decode().strip() == expected
        assert output.readline().decode().strip() == "status 7"
    assert process.wait() == 0


def test_ctrl_c_that_ends_the_command_does_not_end_us(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.SIG_DFL);"
        "print('ready', flush=True); signal.pause()"
    )
    process = in_terminal(runner(python(code)), theirs)
    with os.fdopen(os.dup(ours), "rb") as output:
        assert output.readline().strip() == b"ready"
        os.write(ours, b"\x03")
        lines = iter(output.readline, b"")
        assert next(line for line in lines if b"status" in line).strip().endswith(b"status 130")
    assert process.wait() == 0


def test_we_can_be_stopped_and_continued(terminal: tuple[int, int]) -> None:
    ours, theirs = terminal
    code = "print('ready', flush=True); print(input(), flush=True)"
    process = in_terminal(runner(python(code)), theirs)
    with os.fdopen(os.dup(ours), "rb") as output:
        assert output.readline().strip() == b"ready"
        os.kill(process.pid, signal.SIGSTOP)
        _, status = os.waitpid(process.pid, os.WUNTRACED)
        assert os.WIFSTOPPED(status)
        os.killpg(process.pid, signal.SIGCONT)  # what a shell's fg does
        os.write(ours, b"hello\n")
        lines = [output.readline().strip(), output.readline().strip()]
    assert lines == [b"hello", b"status 0"]
    assert process.wait() == 0
