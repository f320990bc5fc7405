"""Loops whose results are objects of plain classes, for our ChiaFunction and for CHIA's."""

from __future__ import annotations

from support.loop_runner import Loops

PARTS = """\
class Part:
    __slots__ = ("files", "report", "itself")

    def __init__(self, files):
        self.files, self.itself = files, self

class Handle:
    "Says itself how it is pickled."

    def __init__(self, number):
        self.number = number

    def __reduce__(self):
        return (Handle, (self.number,))
"""
"""A module beside the script, ``parts``."""

SHARING = """
import parts
ray.is_initialized() or ray.init(include_dashboard=False)

class Report:
    def __init__(self, name, files):
        self.name, self.files = name, files
        self.number = int.from_bytes(os.urandom(6), "big")

def told(result):
    "What is the same wherever the result arrives."
    one, two = result["one"], result["two"]
    assert isinstance(one, Report), type(one)
    assert isinstance(two, parts.Part), type(two)
    assert one.files is two.files and one.part is two
    assert two.report is one and two.itself is two
    return one.name, one.number, one.files

@ChiaFunction()
def build(name):
    real("build")
    files = [name + ".v"]
    one, two = Report(name, files), parts.Part(files)
    one.part, two.report = two, one
    return {"one": one, "two": two}

@ChiaFunction()
def check(result):
    real("check")
    return told(result)

@ChiaFunction(num_cpus=0)
def parent(name):
    real("parent")
    return told(get(build.chia_remote(name)))

built = build.chia_remote("a")
print("driver", told(get(built)))
print("reference", get(check.chia_remote(built)))
print("value", get(check.chia_remote(get(built))))
print("inside", get(parent.chia_remote("b")))
"""

PICKLED = """
import parts
ray.is_initialized() or ray.init(include_dashboard=False)

class Session:
    def __init__(self, log):
        self.log = log
        self.number = int.from_bytes(os.urandom(6), "big")

    def __reduce__(self):
        return (again, (self.log, self.number))

def again(log, number):
    session = Session(log)
    session.number = number
    return session

class Plain:
    pass

@ChiaFunction()
def connect(name):
    real("connect")
    plain = Plain()
    plain.log = [name]
    plain.session, plain.handle = Session(plain.log), parts.Handle(1)
    return plain

@ChiaFunction()
def use(plain):
    real("use")
    assert isinstance(plain, Plain) and isinstance(plain.session, Session)
    assert isinstance(plain.handle, parts.Handle)
    assert plain.session.log is plain.log
    return plain.session.number

connected = connect.chia_remote("a")
plain = get(connected)
assert isinstance(plain, Plain) and isinstance(plain.session, Session)
assert plain.session.log is plain.log
print("session", plain.session.number, get(use.chia_remote(connected)))
"""


def sharing(loops: Loops) -> None:
    """Record, replay, and replay with real calls that receive what is served."""
    (loops.folder / "parts.py").write_text(PARTS)
    recorded, replayed = (_told(printed) for printed in loops.round_trip(SHARING))
    assert recorded == replayed
    assert [line.split()[0] for line in recorded] == ["driver", "reference", "value", "inside"]
    mixed = loops.replay("--live", "check", "--live", "parent", "--stale", "check")
    assert mixed.returncode == 0, mixed.stdout + mixed.stderr
    assert _told(mixed.stdout) == recorded
    assert sorted(loops.real_runs()) == ["check", "check", "parent"]


def pickled(loops: Loops) -> None:
    """Record what only pickle can keep; replay it with and without leave."""
    (loops.folder / "parts.py").write_text(PARTS)
    recorded, replayed = (_told(out) for out in loops.round_trip(PICKLED, "--allow-pickle"))
    assert recorded == replayed != []
    mixed = loops.replay("--allow-pickle", "--live", "use")
    assert mixed.returncode == 0, mixed.stdout + mixed.stderr
    assert _told(mixed.stdout) == recorded
    assert loops.real_runs() == ["use"]
    refused = loops.replay()
    assert refused.returncode == 20, refused.stderr
    assert "--allow-pickle" in refused.stderr
    assert loops.real_runs() == []


def _told(output: str) -> list[str]:
    """The lines that the loop printed."""
    lines = (line.removeprefix("| ") for line in output.splitlines())
    return [
        line
        for line in lines
        if line.startswith(("driver", "reference", "value", "inside", "session"))
    ]
