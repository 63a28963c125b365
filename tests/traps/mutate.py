"""Takes the code away that stops each trap, one piece at a time, and sees the named tests fail.

    python -m tests.traps.mutate            all of mutations.toml, in a copy of the tree
    python -m tests.traps.mutate T6 domain  those whose trap or title holds one of the words

Prints one line for each, and ends with 1 where a mutation survives. `make mutants` runs it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

LIMIT = 1800
"""Seconds: the tests have no end where a mutation takes it away, and that is no answer."""
ROOT = Path(__file__).resolve().parents[2]
TABLE = Path(__file__).with_name("mutations.toml")
PROBE = "import pgaudit_kit as kit, pgaudit_kit.resources as r; print(kit.__file__, r.migrations_folder())"


@dataclass(frozen=True)
class Mutation:
    """A piece of source, what is put in its place, and who must notice."""

    trap: str
    title: str
    file: str
    find: str
    replace: str
    tests: tuple[str, ...]

    def apply(self, tree: Path) -> str:
        """Change the file in `tree`; returns what it held."""
        path = tree / self.file
        before = path.read_text(encoding="utf-8")
        if before.count(self.find) != 1:
            raise SystemExit(
                f"{self.trap} {self.title}: {self.file} holds it {before.count(self.find)} times"
            )
        path.write_text(before.replace(self.find, self.replace), encoding="utf-8")
        return before


def mutations() -> list[Mutation]:
    """The table."""
    entries = tomllib.loads(TABLE.read_text(encoding="utf-8"))["mutation"]
    return [Mutation(**(entry | {"tests": tuple(entry["tests"])})) for entry in entries]


@contextmanager
def copied_tree() -> Iterator[Path]:
    """The tree as it is, uncommitted changes too; its package finds its SQL in it."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        tree = Path(folder)
        tree.chmod(0o755)
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=ROOT, capture_output=True, check=True).stdout.decode().split("\0")
        for name in filter(None, names):
            if (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, tree / name)
        for name in ("sql", "triggers", "migrations"):
            (tree / "tool/pgaudit_kit" / name).symlink_to(tree / name)
        yield tree


def environment(tree: Path) -> dict[str, str]:
    """Lets Python find the package of the copy first; one server serves."""
    servers = os.environ.get("PGAUDIT_KIT_SERVERS", "embedded")
    ours = {"PYTHONPATH": str(tree / "tool"), "PYTHONDONTWRITEBYTECODE": "1", "PGAUDIT_KIT_SERVERS": servers}
    return os.environ | ours


def check_copy(tree: Path) -> None:
    """Ends where the package or its SQL would come from elsewhere: every mutation would survive."""
    probe = [sys.executable, "-c", PROBE]
    answer = subprocess.run(
        probe, cwd=tree, env=environment(tree), capture_output=True, text=True, check=True
    ).stdout.split()
    if not all(Path(path).resolve().is_relative_to(tree.resolve()) for path in answer):
        raise SystemExit(f"The copy in {tree} is not what is imported: {answer}")


def run_tests(tree: Path, tests: Sequence[str]) -> str | None:
    """The first of the tests that fails; '' where all pass, None where they could not be run."""
    command = [
        *(sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "--no-header", "-p", "no:cacheprovider"),
        *(*tests, "-n", "0"),
    ]
    try:
        ran = subprocess.run(
            command,
            cwd=tree,
            env=environment(tree),
            capture_output=True,
            text=True,
            timeout=LIMIT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        print(f"Nothing came of it in {LIMIT} s: {tests}", file=sys.stderr)
        return None
    if ran.returncode == 0:
        return ""
    for line in ran.stdout.splitlines():
        if line.startswith("FAILED "):
            return line.split(" ", 1)[1].split(" - ")[0]
    print(ran.stdout[-3000:], ran.stderr[-3000:], file=sys.stderr)
    return None  # a kit that cannot even be installed proves nothing about a test


def main(words: Sequence[str]) -> int:
    """Runs the mutations that the words choose; 1 where one survives."""
    chosen = [
        one
        for one in mutations()
        if not words or any(word in (one.trap, one.file) or word in one.title for word in words)
    ]
    survivors = 0
    with copied_tree() as tree:
        check_copy(tree)
        named = sorted({test for mutation in chosen for test in mutation.tests})
        if chosen and (failing := run_tests(tree, named)) != "":
            raise SystemExit(f"Before anything is taken away: {failing or 'the tests cannot be run'}")
        for mutation in chosen:
            before = mutation.apply(tree)
            name = run_tests(tree, mutation.tests)
            (tree / mutation.file).write_text(before, encoding="utf-8")
            survivors += not name
            fate = f"killed by {name}" if name else ("SURVIVED" if name == "" else "SURVIVED: nothing ran")
            print(f"{mutation.trap:4} {mutation.title} … {fate}", flush=True)
    print(f"{len(chosen)} mutations, {survivors} survived")
    return 1 if survivors or not chosen else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
