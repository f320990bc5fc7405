"""The headings under which the help lists commands and options."""

from __future__ import annotations

from typing import Final

RUN: Final = "Run a loop"
LOOK: Final = "Look at recordings"
KEEP: Final = "Keep and share recordings"
LEARN: Final = "Find out more"

CLUSTER: Final = "The cluster"
SIMULATED: Final = "Simulation"
CAPTURED: Final = "What is recorded"
SERVED: Final = "What is served"
REAL: Final = "What runs for real"
MATCHING: Final = "How calls are matched"
TIME: Final = "Order and time"
SAFETY: Final = "Safety"
FAULTS: Final = "Faults"
OUTPUT: Final = "Output"
