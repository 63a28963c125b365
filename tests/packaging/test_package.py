"""The package as a stranger gets it: built from the sdist, installed where nothing else is."""

import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.packaging


def run(*command: str | Path, cwd: Path) -> str:
    result = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`python -m build` makes the sdist first, then the wheel from the sdist alone."""
    dist = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "build", "--outdir", dist, ROOT, cwd=dist)
    assert len(list(dist.glob("pgaudit_kit-*.tar.gz"))) == 1
    (path,) = dist.glob("pgaudit_kit-*.whl")
    return path


def tracked(folder: str, suffixes: Iterable[str]) -> set[str]:
    """The files below a folder of the source tree that belong into the package."""
    found = (path for path in (ROOT / folder).rglob("*") if path.suffix in suffixes)
    return {str(path.relative_to(ROOT / folder)) for path in found if "__pycache__" not in path.parts}


@pytest.mark.parametrize(
    ("source", "target", "suffixes"),
    [
        ("tool/pgaudit_kit", "pgaudit_kit", {".py", ".typed"}),
        ("sql", "pgaudit_kit/sql", {".sql", ".py"}),
        ("triggers", "pgaudit_kit/triggers", {".sql", ".py"}),
        ("migrations", "pgaudit_kit/migrations", {".sql", ".py"}),
    ],
)
def test_wheel_holds_every_source_file(wheel: Path, source: str, target: str, suffixes: set[str]):
    names = set(zipfile.ZipFile(wheel).namelist())
    assert sorted(name for name in tracked(source, suffixes) if f"{target}/{name}" not in names) == []


def test_wheel_runs_in_a_bare_environment(wheel: Path, tmp_path: Path):
    run(sys.executable, "-m", "venv", tmp_path / "venv", cwd=tmp_path)
    binaries = tmp_path / "venv" / "bin"
    run(binaries / "python", "-m", "pip", "install", "--quiet", wheel, cwd=tmp_path)
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert run(binaries / "pgaudit-kit", "--version", cwd=tmp_path) == f"pgaudit-kit {version}\n"
