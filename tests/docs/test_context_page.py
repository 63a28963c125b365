"""docs/how-to/set-the-context.md: what its examples import is there, and they say it by names that exist."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
from pathlib import Path

import pytest

from pgaudit_kit.clients.call import FIELDS

PAGE = (Path(__file__).parents[2] / "docs/how-to/set-the-context.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
IMPORTS = [
    (node.module, alias.name)
    for block in BLOCKS
    for node in ast.walk(ast.parse(block))
    if isinstance(node, ast.ImportFrom) and node.module
    for alias in node.names
]


def test_the_page_has_examples():
    assert {module.rpartition(".")[2] for module, _ in IMPORTS} == {
        "psycopg",
        "sqlalchemy",
        "django",
        "call",
        "hlc",
    }


@pytest.mark.parametrize(("module", "name"), IMPORTS)
def test_what_an_example_imports_is_there(module: str, name: str):
    assert hasattr(importlib.import_module(module), name)


def test_the_middleware_is_called_by_its_name():
    (path,) = re.findall(r'"(pgaudit_kit\.[\w.]+)"', PAGE)
    module, _, name = path.rpartition(".")
    assert inspect.isclass(getattr(importlib.import_module(module), name))


def test_the_fields_are_those_of_set_context():
    said = PAGE.split("Fields are those of `audit.set_context` (")[1].split(")")[0]
    assert tuple(re.findall(r"`(\w+)`", said)) == FIELDS
    source = (Path(__file__).parents[2] / "sql/functions/set_context.sql").read_text(encoding="utf-8")
    parameters = re.findall(r"^    (\w+) (?:text|text\[\]|jsonb) DEFAULT NULL", source, re.MULTILINE)
    assert tuple(parameters) == (*FIELDS, "extra")
