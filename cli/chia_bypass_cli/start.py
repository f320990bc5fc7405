"""Where the process begins: nothing but builtin modules, so that Ctrl-C ends it in silence.

Importing the command line takes a fifth of a second; Python would show where it was interrupted.
"""

from __future__ import annotations

import signal

_before = signal.getsignal(signal.SIGINT)
if _before is signal.default_int_handler:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def main() -> None:
    """The console script."""
    from chia_bypass_cli.app import main as run

    signal.signal(signal.SIGINT, _before)
    run()
