"""Writes matrix multiplications in C, and mends them when told what is wrong: no Ray, no gcc.

It stands where an agent would stand in a real loop: it sees what the compiler or the program
said, never which mistake it made.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

SIZE = 90
"""Rows and columns of the matrices."""
DECLARED_IN = {"int32_t": "stdint.h", "uint32_t": "stdint.h", "printf": "stdio.h"}

PROGRAM = """\
{includes}
enum {{ N = {size}, UNROLL = {unroll} }};
static int32_t a[N][N], b[N][N], c[N][N];
static uint32_t iterations;

static void multiply(void) {{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {{
            int32_t sum = 0;
            int k = 0;
            for (; k + UNROLL <= N; k += UNROLL, iterations++) {{
{body}
            }}
{remainder}
            c[i][j] = sum;
        }}
}}

/* Freivalds: c x = a (b x) for a vector x. Returns the first row that is wrong, or N. */
static int wrong_row(void) {{
    int32_t bx[N] = {{0}};
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) bx[i] += b[i][j] * (j % 5 + 1);
    for (int i = 0; i < N; i++) {{
        int32_t difference = 0;
        for (int j = 0; j < N; j++) difference += c[i][j] * (j % 5 + 1) - a[i][j] * bx[j];
        if (difference != 0) return i;
    }}
    return N;
}}

int main(void) {{
    uint32_t checksum = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {{
            a[i][j] = (i * 7 + j * 3) % 11 - 5;
            b[i][j] = (i * 5 + j * 2) % 13 - 6;
        }}
    multiply();
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) checksum = checksum * 31 + (uint32_t)c[i][j];
    if (wrong_row() < N) {{
        printf("row %d is wrong: terms are missing\\n", wrong_row());
        return 3;
    }}
    printf("%08x %u\\n", (unsigned)checksum, (unsigned)iterations);
    return 0;
}}
"""


@dataclass(frozen=True)
class Kernel:
    """One variant of the multiplication, as far as its writer has come."""

    unroll: int
    """Products added in each iteration of the innermost loop."""
    includes: tuple[str, ...] = ("stdio.h",)
    remainder: bool = False
    """Whether the products left over by the unrolled loop are added."""

    def __str__(self) -> str:
        return f"unrolled {self.unroll} times"

    def source(self) -> str:
        """The program: prints a checksum of the product and the innermost iterations, or fails
        with status 3 and the number of a wrong row."""
        add = "sum += a[i][k{0}] * b[k{0}][j];"
        left_over = "for (; k < N; k++, iterations++) " + add.format("")
        return PROGRAM.format(
            includes="\n".join(f"#include <{header}>" for header in self.includes),
            size=SIZE,
            unroll=self.unroll,
            body="\n".join(16 * " " + add.format(f" + {step}") for step in range(self.unroll)),
            remainder=12 * " " + left_over if self.remainder else "",
        )


def mend(kernel: Kernel, complaint: str) -> Kernel | None:
    """The kernel without what the compiler or the program complains about; None: at a loss."""
    unknown = re.findall(r"unknown type name '(\w+)'|'(\w+)' undeclared", complaint)
    names = {name for names in unknown for name in names}
    headers = {DECLARED_IN[name] for name in names if name in DECLARED_IN}
    if missing := headers - set(kernel.includes):
        return replace(kernel, includes=(*kernel.includes, *sorted(missing)))
    if "terms are missing" in complaint and not kernel.remainder:
        return replace(kernel, remainder=True)
    return None


def neighbours(kernel: Kernel) -> list[Kernel]:
    """Variants that unroll more, with all that has been learnt."""
    steps = (kernel.unroll + 1, kernel.unroll * 2, kernel.unroll * 3)
    return [replace(kernel, unroll=unroll) for unroll in steps if unroll <= SIZE]
