"""The programs in docs/how-to/clients.md, as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from types import ModuleType

PAGE = Path(__file__).parents[2] / "docs/how-to/clients.md"


def block(heading: str, language: str = "python") -> str:
    """The first block in this language below a heading."""
    section = PAGE.read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
    found = re.search(rf"^```{language}\n(.*?)^```$", section, re.M | re.S)
    assert found, (heading, language)
    return found[1]


def module(heading: str, name: str) -> ModuleType:
    """A module that is made of that block."""
    made = ModuleType(name)
    exec(compile(block(heading), f"{PAGE.name} ({heading})", "exec"), made.__dict__)
    sys.modules[name] = made
    return made
