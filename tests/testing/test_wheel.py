"""The plugin as users get it: from the wheel, in an environment without this source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

PROJECT = {
    "conftest.py": """
import os
import pytest

@pytest.fixture(scope="session", autouse=True)
def cluster():
    import ray
    ray.init(address=os.environ["RAY_ADDRESS"], log_to_driver=False)
""",
    "test_place.py": """
import chia_bypass, chia_bypass_cli, sys

def test_it_is_the_installed_one():
    assert chia_bypass.__file__.startswith(sys.prefix)
    assert chia_bypass_cli.__file__.startswith(sys.prefix)
""",
    "test_loop.py": """
import os
import pytest
from chia_bypass import ChiaFunction, get

@ChiaFunction(num_cpus=0)
def draw(x):
    return os.urandom(8).hex()

@pytest.mark.chia_bypass
def test_draw():
    with open("drawn.txt", "a") as file:
        print(get(draw.chia_remote(1)), file=file)
""",
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the source distribution."""
    folder = tmp_path_factory.mktemp("built")
    for target in ("wheel", "sdist"):
        subprocess.run(
            [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
            cwd=ROOT,
            check=True,
            capture_output=True,
        )
    return folder


def tracked(*folders: str) -> set[str]:
    """The files of this source tree in those folders, without what Python leaves there."""
    return {
        str(path.relative_to(ROOT))
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_the_wheel_has_both_packages_whole_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (metadata,) = (name for name in names if name.endswith(".dist-info/METADATA"))
        described = archive.read(metadata).decode()
    packages = {n.removeprefix("cli/") for n in tracked("chia_bypass", "cli/chia_bypass_cli")}
    assert {name for name in names if ".dist-info/" not in name} == packages
    assert {"chia_bypass/py.typed", "chia_bypass_cli/py.typed"} <= packages
    assert "chia_bypass/guides/yaml.md" in packages
    assert any(name.endswith("/licenses/LICENSE") for name in names)
    assert "Description-Content-Type: text/markdown" in described
    assert "Provides-Extra: chia" in described


def test_the_source_distribution_has_what_its_tests_need(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    files = {"LICENSE", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "pyproject.toml"}
    assert files | tracked("chia_bypass", "cli", "tests") <= names
    assert "recordings/generated_c/golden/manifest" in names
    assert not any("__pycache__" in name for name in names)


@pytest.fixture(scope="module")
def python(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of a fresh environment with the wheel, and what it needs from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    (wheel,) = built.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    interpreter = folder / "venv" / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", str(interpreter), "install", "-q"]
    subprocess.run([*pip, "--no-deps", "--no-index", str(wheel)], check=True)
    (site,) = (folder / "venv" / "lib").glob("python*/site-packages")
    # Behind its own packages, and without the .pth files that would lead to this source tree.
    (site / "needed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return interpreter


def test_a_project_records_and_replays_with_the_wheel(
    python: Path, ray_session: str, tmp_path: Path
) -> None:
    for name, text in PROJECT.items():
        (tmp_path / name).write_text(text)
    hidden = {"PYTHONPATH", "CI", "PYTEST_ADDOPTS"}
    environment = {name: text for name, text in os.environ.items() if name not in hidden}
    outputs = []
    for mode in ("once", "none"):
        done = subprocess.run(
            [python, "-m", "pytest", f"--chia-record={mode}"],
            cwd=tmp_path,
            env={**environment, "RAY_ADDRESS": ray_session},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "AssertRewriteWarning" not in done.stdout
        outputs.append(done.stdout)
    assert "1 recorded · 0 replayed" in outputs[0]
    assert "1 replayed · 0 real · 0 missed · 0 unused" in outputs[1]
    first, second = (tmp_path / "drawn.txt").read_text().split()
    assert first == second
