"""docs/reference/commands.md is what --help says; `make golden` writes it anew."""

import os
import re
from pathlib import Path

import click
import pytest

from pgaudit_kit.cli.main import COMMANDS, cli

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "commands.md"
ROOT = Path(__file__).parents[2]


def help_text(words: list[str]) -> str:
    """As click itself formats it: what rich adds differs between its versions."""
    ctx = click.Context(cli, info_name="pgaudit-kit", help_option_names=["-h", "--help"])
    command: click.Command = cli
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(ctx, word)
        assert found is not None
        ctx, command = click.Context(found, info_name=word, parent=ctx), found
    formatter = click.HelpFormatter(width=100, max_width=100)
    click.Command.format_usage(command, ctx, formatter)
    click.Command.format_help_text(command, ctx, formatter)
    click.Command.format_options(command, ctx, formatter)
    if isinstance(command, click.Group):
        click.Group.format_commands(command, ctx, formatter)
    return formatter.getvalue().strip("\n")


def paths() -> list[list[str]]:
    found: list[list[str]] = [[]]
    ctx = click.Context(cli)
    for name in COMMANDS:
        command = cli.get_command(ctx, name)
        found.append([name])
        if isinstance(command, click.Group):
            found += [[name, sub] for sub in command.list_commands(ctx)]
    return found


def page() -> str:
    parts = ["# Commands\n\nWhat `--help` prints; written by `make golden`.\n"]
    for words in paths():
        title = " ".join(["pgaudit-kit", *words])
        parts.append(f"\n## {title}\n\n```text\n{help_text(words)}\n```\n")
    return "".join(parts)


def test_the_page_of_commands_is_what_help_says():
    text = page()
    if os.environ.get("PGAUDIT_KIT_GOLDEN") == "write":
        PAGE.write_text(text, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == text, "run `make golden` and read the diff"


@pytest.mark.parametrize(
    "path", [*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md"], ids=lambda p: p.name
)
def test_links_between_pages_lead_somewhere(path: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), f"{path.name}: {target}"
