"""The table of mutations fits the sources and the tests as they are: `make mutants` runs it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.traps.mutate import ROOT, TABLE, Mutation, mutations

TRAPS = {f"T{number}" for number in range(1, 14)}
ALL = mutations()


@pytest.mark.parametrize("mutation", ALL, ids=lambda one: f"{one.trap} {one.title}")
def test_what_a_mutation_takes_away_is_there_once_and_its_tests_exist(mutation: Mutation):
    assert (ROOT / mutation.file).read_text(encoding="utf-8").count(mutation.find) == 1
    assert mutation.replace != mutation.find
    for test in mutation.tests:
        file, name = test.split("::")
        tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_each_trap_has_a_mutation_and_a_line_in_the_readme():
    assert {mutation.trap for mutation in ALL} == TRAPS | {"list", "verify", "sign"}
    readme = TABLE.with_name("README.md").read_text(encoding="utf-8")
    for trap in TRAPS:
        assert f"| {trap} |" in readme


def test_the_tests_that_the_readme_names_exist():
    readme = TABLE.with_name("README.md").read_text(encoding="utf-8")
    words = {word.strip("`,.") for word in readme.split() if "::test_" in word}
    assert len(words) > 40
    for word in words:
        file, name = word.split("::")
        path = Path(ROOT, "tests", file)
        assert f"\ndef {name}(" in path.read_text(encoding="utf-8"), word
