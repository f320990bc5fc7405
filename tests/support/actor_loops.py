"""A loop whose agents change a tree through an actor, and which is killed half-way once."""

from __future__ import annotations

from pathlib import Path

EDITS = """
import signal, time
MARK, DRIVER, BROKEN = MARK_AND_DRIVER

@ray.remote(num_cpus=0)
class Tree:
    def __init__(self, start):
        self.lines = [start]

    def write(self, line, *, times=1):
        if os.path.exists(BROKEN):
            raise OSError("the disk is full")
        self.lines += [line] * times
        return len(self.lines)

    def read(self):
        return " ".join(self.lines)

@dataclasses.dataclass
class Tools:
    tree: object

@ChiaFunction(num_cpus=0)
def note(tools, text):
    real(f"note-{text}")
    return ray.get(tools.tree.write.remote(text))

@ChiaFunction(num_cpus=0)
def edit(tools, step):
    real(f"edit{step}")
    get(note.chia_remote(tools, f"n{step}"))
    ray.get(tools.tree.write.remote(f"e{step}", times=2))
    if step == 2 and not os.path.exists(MARK):
        open(MARK, "w").close()
        os.kill(int(open(DRIVER).read()), signal.SIGKILL)
        time.sleep(100)
    return ray.get(tools.tree.read.remote())

with open(DRIVER, "w") as file:
    file.write(str(os.getpid()))
ray.init(include_dashboard=False) if not ray.is_initialized() else None
tree = Tree.remote("start")
for step in range(4):
    print(step, get(edit.chia_remote(Tools(tree), step)))
    ray.get(tree.write.remote(f"loop{step}"))
print("end", ray.get(tree.read.remote()))
"""


def killed_edits(folder: Path) -> str:
    """The loop, with its files in ``folder``."""
    files = tuple(str(folder / name) for name in ("mark", "driver", "broken"))
    return EDITS.replace("MARK_AND_DRIVER", repr(files))


def edits_printed() -> list[str]:
    """What it prints if nobody kills it, or if all is right after somebody did."""
    lines, printed = ["start"], []
    for step in range(4):
        lines += [f"n{step}", f"e{step}", f"e{step}"]
        printed.append(f"{step} {' '.join(lines)}")
        lines.append(f"loop{step}")
    return [*printed, f"end {' '.join(lines)}"]


def reapply(recording: Path, name: str) -> None:
    """Have the bypass YAML say that methods of the actor called ``name`` are called again."""
    yaml = recording / "bypass.yaml"
    head, section, entries = yaml.read_text().partition("bypass:\n")
    yaml.write_text(f"{head}{section}  actors: {{{name}: reapply}}\n{entries}")
