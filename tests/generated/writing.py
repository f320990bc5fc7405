"""Random loops: scripts that read files, call, wait, cancel, fail and branch on what they learn.

The same seed gives the same script. What it prints is the same in every run, whatever the machine
does meanwhile, but for lines that begin with ``~``: these tell of an order that is left to chance,
and only a replay has to print the recorded ones. Lines that begin with ``@`` tell what an actor
answers that calls were given: a replay may print another answer if it says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from random import Random
from typing import Final

FLAVOURS: Final = {
    "ours": "from chia_bypass import ChiaFunction, get",
    "CHIA's": "from chia.base.ChiaFunction import ChiaFunction, get",
}
"""Whose ChiaFunction a loop uses."""
FILES: Final = ("a.txt", "b.txt", "c.txt", "tree/x.txt", "tree/y.txt", "tree/sub/z.txt")
"""What every loop may read."""
WITHIN: Final = ("tree/x.txt", "tree/y.txt")
"""Those that no argument names by themselves, only the folder that they are in."""

_HEAD = """\
import asyncio, dataclasses, hashlib, os, random, re, signal, subprocess, sys, threading, time
from concurrent.futures import ThreadPoolExecutor, as_completed
from multiprocessing.pool import ThreadPool
from pathlib import Path

import ray
from ray.util import ActorPool
from ray.exceptions import GetTimeoutError, RayTaskError, TaskCancelledError, WorkerCrashedError
{imports}

FOLDER = Path({folder!r})
IN, OUT, GATES = FOLDER / "in", FOLDER / "out", FOLDER / "gates"
GATES.mkdir(exist_ok=True)
HUNG, SHOWN, LOCK = [], [], threading.Lock()
STOP = globals().get("STOP", int(os.environ.get("STOP_AFTER", "0")))

class Stopped(BaseException):
    "Half-way."

class Bad(Exception):
    pass

@dataclasses.dataclass
class Job:
    source: object
    scale: int

def h(*parts):
    "A small number that depends on all of these."
    return int(hashlib.sha256(repr(parts).encode()).hexdigest()[:8], 16) % 1000

def text(path):
    with open(path) as file:
        return file.read()

def masked(words):
    "Without what no two runs have in common."
    words = re.sub(r"pid=\\d+", "pid", words)
    words = re.sub(r"0x[0-9a-f]+|\\b[0-9a-f]{{16,}}\\b", "id", words)
    return re.sub(r"ip=[\\d.]+", "ip", words)

def real(name):
    with open({log!r}, "a") as file:
        file.write(name + "\\n")

def show(name, value, mark=""):
    with LOCK:
        print(f"{{mark}}{{name}} = {{value!r}}", flush=True)
        SHOWN.append(name)
        if STOP and len(SHOWN) >= STOP:
            {stop}

def stop(ref, **how):
    "Until Ray has heard of it: it may lose a cancellation as it sends a call to its worker."
    ray.cancel(ref, **how)
    while not ray.wait([ref], timeout=5)[0]:
        ray.cancel(ref, **how)

def chance(name, value):
    show(name, value, "~ ")

def failed(name, error):
    show(name, (type(error).__name__, masked(str(error))))

@ray.remote(num_cpus=0)
class Tally:
    def __init__(self):
        self.total = 0
    def add(self, x):
        self.total += x
        return self.total
    def now(self):
        return self.total
    def soon(self, x):
        time.sleep(random.SystemRandom().random() / 50)
        return self.add(x)

"""

_KINDS: Final[dict[str, str]] = {
    "read": """
@ChiaFunction({options})
def {name}(path):
    real({name!r})
    return h({name!r}, text(path))
""",
    "tree": """
@ChiaFunction({options})
def {name}(folder, salt=0):
    real({name!r})
    files = sorted(p for p in Path(folder).rglob("*") if p.is_file())
    return h({name!r}, salt, [(p.name, text(p)) for p in files])
""",
    "shell": """
@ChiaFunction({options})
def {name}(command):
    real({name!r})
    done = subprocess.run(command, shell=True, check=True, capture_output=True)
    return h({name!r}, done.stdout)
""",
    "job": """
@ChiaFunction({options})
def {name}(job, *more):
    real({name!r})
    return h({name!r}, text(job.source), job.scale, more)
""",
    "items": """
@ChiaFunction({options})
def {name}(given):
    real({name!r})
    return [h({name!r}, key, text(path)) for key, path in sorted(given.items())]
""",
    "mix": """
@ChiaFunction({options})
def {name}(first, second=0, *, third=0):
    real({name!r})
    return h({name!r}, first, second, third)
""",
    "pair": """
@ChiaFunction({options}, num_returns=2)
def {name}(x):
    real({name!r})
    return h({name!r}, x), h({name!r}, x, 2)
""",
    "fail": """
@ChiaFunction({options}, max_retries=0)
def {name}(x):
    real({name!r})
    if h({name!r}, x) % 3:
        raise (Bad if x % 2 else ValueError)(f"{name} of {{x}}")
    return h({name!r}, x, 2)
""",
    "parent": """
@ChiaFunction({options})
def {name}(path, count):
    real({name!r})
    refs = [{child}.chia_remote(path) for _ in range(count)]
    return h({name!r}, get(refs), text(path))
""",
    "chain": """
@ChiaFunction({options})
def {name}(path):
    real({name!r})
    return [{child}.chia_remote(path)]
""",
    "write": """
@ChiaFunction({options})
def {name}(folder, label, x):
    real({name!r})
    path = Path(folder) / f"{{label}}.txt"
    path.write_text(f"{name} {{x}}")
    return str(path)
""",
    "tally": """
@ChiaFunction({options})
def {name}(tally, x):
    real({name!r})
    return ray.get(tally.add.remote(x))
""",
    "hang": """
@ChiaFunction({options}, max_retries=0)
def {name}(x):
    real({name!r})
    while True:
        time.sleep(0.02)
""",
    "late": """
@ChiaFunction({options}, max_retries=0)
def {name}(label):
    real({name!r})
    while not (GATES / label).exists():
        time.sleep(0.01)
    return h({name!r}, label)
""",
    "lines": """
@ChiaFunction({options}, num_returns="dynamic")
def {name}(path, count):
    real({name!r})
    for number in range(count):
        yield h({name!r}, number, text(path))
""",
}
"""Functions of a loop: what they return depends on what they are given, on the files that it names,
and on nothing else."""

_OF_NUMBERS: Final = ("read", "tree", "shell", "job", "mix", "parent")
"""Kinds that return a number, and may be called anywhere."""
_TWO_SHOTS: Final = frozenset({"tally", "hang", "late", "write"})
"""Kinds of which one function is enough."""


@dataclass(frozen=True)
class Loop:
    """A generated loop."""

    seed: int
    flavour: str
    scripts: dict[str, str]
    """By their names, without what depends on where they run: `script` adds that."""
    features: frozenset[str]
    """What it has: names of the methods that wrote it."""

    @property
    def reads(self) -> frozenset[str]:
        """The files that it may read: some of FILES."""
        text = "".join(self.scripts.values())
        named = {name for name in FILES if f"IN / {name!r}" in text}
        if "'abc'[" in text:
            named.update("abc"[number] + ".txt" for number in range(3))
        if "IN / 'tree'," in text or "{IN}/tree/*.txt" in text:
            named.update(name for name in FILES if name.startswith("tree/"))
        return frozenset(named or FILES)

    def script(self, name: str, folder: str, log: str, stop: str) -> str:
        """The text of one of the scripts; ``stop``: what ends it half-way."""
        head = _HEAD.format(imports=FLAVOURS[self.flavour], folder=folder, log=log, stop=stop)
        return head + self.scripts[name]


def write_loop(seed: int, flavour: str, *, drivers: int = 1, length: int = 9) -> Loop:
    """The loop of that seed: with so many drivers, and about so many steps each."""
    chance = Random(f"{seed} {flavour}")
    scripts, features = {}, set()
    names = ["loop.py", *(f"stage{number}.py" for number in range(1, drivers))]
    for name in names:
        later = names[1:] if name == "loop.py" else []
        writer = _Writer(chance, name.partition(".")[0])
        scripts[name] = writer.write(length, later)
        features |= writer.features
    return Loop(seed, flavour, scripts, frozenset(features))


class _Writer:
    """Writes one script."""

    def __init__(self, chance: Random, script: str) -> None:
        self._chance, self._script = chance, script
        self._lines: list[str] = []
        self._indent = ""
        self._numbers: list[str] = []
        """Variables that hold a number."""
        self._refs: list[str] = []
        """Variables that hold a reference to a number, for certain."""
        self._functions: dict[str, list[str]] = {}
        self._names = 0
        self._has_tally = False
        self.features: set[str] = set()

    def write(self, length: int, later: list[str]) -> str:
        """The functions and the steps; ``later``: scripts that it starts on its way."""
        self._declare()
        if later or self._script != "loop":
            self._line("ray.init(include_dashboard=False)")
        for _ in range(2):
            self._call()
        steps = self._chance.sample(range(length), len(later))
        for step in range(length):
            self._step()
            if step in steps:
                self._line(f"subprocess.run([sys.executable, {later.pop()!r}], check=True)")
        for ref in self._refs[-3:]:
            self._line(f"show({ref!r}, get({ref}))")
        return "\n".join(self._lines) + "\n"

    # What functions there are.

    def _declare(self) -> None:
        for kind in ("read", "mix"):
            self._function(kind)
        several = self._chance.choices([kind for kind in _KINDS if kind != "lines"], k=7)
        for kind in dict.fromkeys(several):
            self._function(kind)

    def _function(self, kind: str) -> str:
        names = self._functions.setdefault(kind, [])
        name = f"{kind}{len(names)}" if self._script == "loop" else f"{self._script}_{kind}"
        child = self._functions["read"][0] if kind in ("parent", "chain") else ""
        options = "num_cpus=0"
        if kind in ("read", "mix") and self._chance.random() < 0.3:
            options += f", max_retries={self._chance.randrange(3)}"
        self._lines.append(_KINDS[kind].format(name=name, options=options, child=child))
        names.append(name)
        return name

    # Pieces of expressions.

    def _line(self, text: str) -> None:
        self._lines.append(self._indent + text)

    def _new(self, prefix: str) -> str:
        self._names += 1
        return f"{prefix}{self._names}"

    @contextmanager
    def _inside(self, head: str) -> Iterator[None]:
        """A block: what is assigned in it is not known to be there afterwards."""
        self._line(head)
        numbers, refs = list(self._numbers), list(self._refs)
        self._indent += "    "
        yield
        self._indent = self._indent[:-4]
        self._numbers, self._refs = numbers, refs

    def _number(self) -> str:
        if self._numbers and self._chance.random() < 0.8:
            return self._chance.choice(self._numbers)
        return str(self._chance.randrange(5))

    def _path(self) -> str:
        name = repr(self._chance.choice([name for name in FILES if name not in WITHIN]))
        if self._numbers and self._chance.random() < 0.3:  # which file, the loop has learned
            name = f"'abc'[{self._chance.choice(self._numbers)} % 3] + '.txt'"
        path = f"IN / ({name})" if "+" in name else f"IN / {name}"
        return path if self._chance.random() < 0.5 else f"str({path})"

    def _tag(self) -> str:
        if self._chance.random() > 0.25:
            return ""
        return f", _chia_tag={self._chance.choice(('first', 'second'))!r}"

    def _dispatch(self) -> str:
        """The dispatch of a call that returns a number."""
        kinds = [kind for kind in _OF_NUMBERS if kind in self._functions]
        kind = self._chance.choice(kinds)
        name = self._chance.choice(self._functions[kind])
        make: dict[str, Callable[[], str]] = {
            "read": self._path,
            "tree": lambda: f"IN / 'tree', {self._chance.randrange(2)}",
            "shell": self._command,
            "job": lambda: f"Job({self._path()}, {self._number()})",
            "mix": self._mixed,
            "parent": lambda: f"{self._path()}, {self._chance.randrange(1, 3)}",
        }
        return f"{name}.chia_remote({make[kind]()}{self._tag()})"

    def _command(self) -> str:
        """A shell command that reads a file, and perhaps those that a pattern matches."""
        command = f""""cat '" + str({self._path()}) + "'\""""
        if self._chance.random() < 0.5:
            command += " + f' {IN}/tree/*.txt'"
        return f"{command} + ' | sort'"

    def _mixed(self) -> str:
        if self._refs and self._chance.random() < 0.5:
            return f"{self._chance.choice(self._refs)}, {self._number()}"
        return f"{self._number()}, {self._number()}, third={self._number()}"

    # Steps.

    def _step(self) -> None:
        kinds = self._functions
        steps: list[Callable[[], None]] = [
            self._call,
            self._call,
            self._reference,
            self._repeat,
            self._branch,
            self._threads,
            self._race,
            self._wait,
            self._put,
            self._pool,
            self._plain,
        ]
        for kind, step in {
            "items": self._items,
            "pair": self._pair,
            "fail": self._failing,
            "chain": self._chain,
            "write": self._written,
            "tally": self._tally,
            "hang": self._hanging,
            "late": self._late,
        }.items():
            if kind in kinds:
                steps += [step, step]
        chosen = self._chance.choice(steps)
        self.features.add(chosen.__name__.lstrip("_"))
        chosen()

    def _call(self) -> None:
        value = self._new("v")
        self._line(f"{value} = get({self._dispatch()})")
        self._line(f"show({value!r}, {value})")
        self._numbers.append(value)

    def _reference(self) -> None:
        ref = self._new("r")
        self._line(f"{ref} = {self._dispatch()}")
        self._refs.append(ref)

    def _repeat(self) -> None:
        total, step = self._new("v"), self._new("i")
        mix = self._functions["mix"][0]
        self._line(f"{total} = {self._number()}")
        with self._inside(f"for {step} in range({self._chance.randrange(2, 4)}):"):
            self._line(f"{total} = get({mix}.chia_remote({total}, {step}))")
            if self._chance.random() < 0.5:
                self._line(f"{total} = h({total}, get({self._dispatch()}))")
            self._line(f"show({total!r}, {total})")
        self._numbers.append(total)

    def _branch(self) -> None:
        if self._indent or not self._numbers:
            return self._call()
        with self._inside(f"if {self._number()} % 2:"):
            self._call()
            self._step()
        with self._inside("else:"):
            self._call()
        return None

    def _threads(self) -> None:
        values, mix = self._new("v"), self._functions["mix"][0]
        calls = [self._dispatch() for _ in range(3)]
        work = ", ".join(f"lambda: {call}" for call in calls)
        task = "lambda make: get(make())"
        if self._chance.random() < 0.5:
            task = f"lambda make: get({mix}.chia_remote(get(make()), 1))"
        with self._inside("with ThreadPoolExecutor(3) as pool:"):
            self._line(f"{values} = sum(pool.map({task}, [{work}]))")
        self._line(f"show({values!r}, {values})")
        self._numbers.append(values)

    def _pool(self) -> None:
        values, name = self._new("v"), self._functions["read"][0]
        files = ", ".join(self._path() for _ in range(4))
        with self._inside("with ThreadPool(2) as pool:"):
            one = f"lambda path: get({name}.chia_remote(path))"
            self._line(f"{values} = sum(pool.map({one}, [{files}]))")
        self._line(f"show({values!r}, {values})")
        self._numbers.append(values)

    def _race(self) -> None:
        total, mix = self._new("c"), self._functions["mix"][0]
        calls = ", ".join(f"lambda: {self._dispatch()}" for _ in range(3))
        self._line(f"{total} = 0")
        with self._inside("with ThreadPoolExecutor(3) as pool:"):
            self._line(f"started = [pool.submit(lambda make: get(make()), m) for m in [{calls}]]")
            with self._inside("for done in as_completed(started):"):
                self._line(f"{total} = h({total}, done.result())")
                self._line(f"chance({total!r}, {total})")
        self._line(f"chance('next', get({mix}.chia_remote({total})))")

    def _plain(self) -> None:
        """Plain actors, of which the loop learns which one was first."""
        total, mix = self._new("c"), self._functions["mix"][0]
        given = ", ".join(self._number() for _ in range(4))
        self._line(f"pool, {total} = ActorPool([Tally.remote(), Tally.remote()]), 0")
        work = f"lambda actor, x: actor.soon.remote(x), [{given}]"
        with self._inside(f"for got in pool.map_unordered({work}):"):
            self._line(f"{total} = get({mix}.chia_remote(h({total}, got)))")
            self._line(f"chance({total!r}, {total})")

    def _wait(self) -> None:
        left, total, mix = self._new("w"), self._new("c"), self._functions["mix"][0]
        calls = ", ".join(self._dispatch() for _ in range(self._chance.randrange(2, 5)))
        self._line(f"{left}, {total} = [{calls}], 0")
        timeout = self._chance.choice(("", "", ", timeout=20"))
        with self._inside(f"while {left}:"):
            self._line(f"done, {left} = ray.wait({left}{timeout})")
            self._line(f"{total} = h({total}, get(done))")
            self._line(f"chance({total!r}, {total})")
            if self._chance.random() < 0.5:
                self._line(f"{total} = get({mix}.chia_remote({total}))")

    def _put(self) -> None:
        ref = self._new("r")
        self._line(f"{ref} = ray.put({self._number()} + 1)")
        self._refs.append(ref)
        self._call()

    def _items(self) -> None:
        value, name = self._new("v"), self._functions["items"][0]
        given = ", ".join(f"{key!r}: {self._path()}" for key in "pq")
        self._line(f"{value} = sum(get({name}.chia_remote({{{given}}}{self._tag()})))")
        self._line(f"show({value!r}, {value})")
        self._numbers.append(value)

    def _pair(self) -> None:
        one, two = self._new("r"), self._new("r")
        name = self._functions["pair"][0]
        self._line(f"{one}, {two} = {name}.chia_remote({self._number()})")
        self._refs += [one, two]

    def _failing(self) -> None:
        name, mix = self._functions["fail"][0], self._functions["mix"][0]
        value = self._new("v")
        if self._chance.random() < 0.3:
            with self._inside("try:"):
                given = f"{name}.chia_remote({self._number()})"
                self._line(f"show({value!r}, get({mix}.chia_remote({given})))")
            with self._inside("except RayTaskError as error:"):
                self._line(f"failed({value!r}, error)")
            return
        self._line(f"{value} = 0")
        with self._inside("try:"):
            self._line(f"{value} = get({name}.chia_remote({self._number()}{self._tag()}))")
            self._line(f"show({value!r}, {value})")
        with self._inside("except (Bad, ValueError) as error:"):
            self._line(f"failed({value!r}, error)")
            self._line(f"{value} = get({mix}.chia_remote(masked(str(error))))")
            self._line(f"show({value!r}, {value})")
        self._numbers.append(value)

    def _chain(self) -> None:
        value, name = self._new("v"), self._functions["chain"][0]
        self._line(f"{value} = get(get({name}.chia_remote({self._path()}))[0])")
        self._line(f"show({value!r}, {value})")
        self._numbers.append(value)

    def _written(self) -> None:
        value, path = self._new("v"), self._new("p")
        name, read = self._functions["write"][0], self._functions["read"][0]
        label = self._script + path
        given = f"{name}.chia_remote(OUT, {label!r}, {self._number()})"
        if self._chance.random() < 0.5:
            self._line(f"{value} = get({read}.chia_remote({given}))")
        else:
            self._line(f"{path} = get({given})")
            self._line(f"{value} = get({read}.chia_remote({path}))")
        self._line(f"show({value!r}, {value})")
        self._numbers.append(value)

    def _tally(self) -> None:
        if not self._has_tally:
            if self._indent:
                return self._call()
            self._has_tally = True
            self._line("tally = Tally.remote()")
        value, name = self._new("v"), self._functions["tally"][0]
        self._line(f"{value} = get({name}.chia_remote(tally, {self._number()}))")
        self._line(f"show({value!r}, {value})")
        self._numbers.append(value)
        if self._chance.random() < 0.3:
            self.features.add("own_method")
            self._line("show('total', ray.get(tally.now.remote()), '@ ')")
        return None

    def _hanging(self) -> None:
        ref, name = self._new("h"), self._functions["hang"][0]
        self._line(f"{ref} = {name}.chia_remote({self._number()})")
        self._line(f"HUNG.append({ref})")
        how = self._chance.choice(("cancel", "force", "get", "wait", "leave"))
        self.features.add(f"hanging_{how}")
        if how in ("cancel", "force"):
            self._line(f"stop({ref}{', force=True' if how == 'force' else ''})")
            with self._inside("try:"):
                self._line(f"show({ref!r}, get({ref}))")
            with self._inside("except (TaskCancelledError, WorkerCrashedError):"):
                self._line(f"show({ref!r}, 'cancelled')")
        elif how == "get":
            with self._inside("try:"):
                self._line(f"show({ref!r}, get({ref}, timeout=0.3))")
            with self._inside("except GetTimeoutError:"):
                self._line(f"show({ref!r}, 'timed out')")
        elif how == "wait":
            self._line(f"show({ref!r}, len(ray.wait([{ref}], timeout=0.3)[0]))")

    def _late(self) -> None:
        ref, name = self._new("r"), self._functions["late"][0]
        label = self._script + ref
        self._line(f"(GATES / {label!r}).unlink(missing_ok=True)")
        self._line(f"{ref} = {name}.chia_remote({label!r})")
        if self._chance.random() < 0.5:
            self.features.add("late_get")
            with self._inside("try:"):
                self._line(f"show({ref!r}, get({ref}, timeout=0.3))")
            with self._inside("except GetTimeoutError:"):
                self._line(f"show({ref!r}, 'timed out')")
        else:
            self.features.add("late_wait")
            self._line(f"show({ref!r}, len(ray.wait([{ref}], timeout=0.3)[0]))")
        self._line(f"(GATES / {label!r}).touch()")
        self._line(f"show({ref!r}, get({ref}))")
        self._refs.append(ref)
