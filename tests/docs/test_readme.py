"""README.md: each command line in it is one that exists, and the quick start works on a real database."""

from __future__ import annotations

import re
import shlex
import subprocess
from pathlib import Path

import click
import psycopg
import pytest

from pgaudit_kit.cli import main as root
from pgaudit_kit.cli.app import App
from tests.kit import Kit
from tests.servers import Database

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)


def shell_lines() -> list[list[str]]:
    """The words of each line of the shell blocks, without comments and what a shell adds."""
    lines = [line for kind, text in BLOCKS if kind == "sh" for line in text.splitlines()]
    words = [[word for word in shlex.split(line, comments=True) if word != "&"] for line in lines]
    return [line for line in words if line]


KIT = [line[1:] for line in shell_lines() if line[0] == "pgaudit-kit"]
MAKE = [line[1] for line in shell_lines() if line[0] == "make"]
INLINE = re.findall(r"`pgaudit-kit ([a-z]+)", README)


def test_the_readme_shows_commands():
    assert KIT and MAKE and INLINE


@pytest.mark.parametrize("words", KIT, ids=" ".join)
def test_a_command_line_parses(words: list[str]):
    command: click.Command = root.cli
    context = click.Context(root.cli, obj=App(), **root.cli.context_settings)
    while isinstance(command, click.Group):
        name, *words = words
        found = command.get_command(context, name)
        assert found is not None, name
        command = found
    command.make_context(command.name, list(words), parent=context)


@pytest.mark.parametrize("name", sorted(set(INLINE)))
def test_a_command_named_in_the_text_exists(name: str):
    assert name in root.COMMANDS


@pytest.mark.parametrize("target", sorted(set(MAKE)))
def test_a_make_target_exists(target: str):
    done = subprocess.run(["make", "-n", target], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_every_link_leads_to_a_file():
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", README):
        if "://" not in link:
            assert (ROOT / link).exists(), link


def test_the_quick_start_works(db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    db.execute("CREATE TABLE public.orders (id int PRIMARY KEY, tenant_id text, total numeric)")
    kit = Kit(db.dsn)
    start = KIT[: 1 + next(i for i, words in enumerate(KIT) if words[0] == "verify")]
    said, read = [text for kind, text in BLOCKS if kind == "sql"][:2]
    for words in start:
        if words[0] == "run":  # goes on for ever; what it does that counts here is sealing
            with psycopg.connect(db.dsn) as conn:
                conn.execute(said)
                conn.execute("INSERT INTO public.orders VALUES (1, 'acme', 10)")
                conn.execute("UPDATE public.orders SET total = 12")
            kit("seal")
        else:
            kit(*words, *(["--yes"] if words[0] == "install" else []))
    rows = db.execute(read).fetchall()
    assert [row[1:4] for row in rows if row[3] != "CONTROL"] == [
        ("4711", "publish", "UPDATE"),
        ("4711", "publish", "INSERT"),
    ]
