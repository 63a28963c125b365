"""Edits of pgaudit.toml: only the table that is meant changes, and only when it is committed."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from pgaudit_kit import config as configuration
from pgaudit_kit.config import TableConfig, Tenant
from pgaudit_kit.config_file import edited
from pgaudit_kit.errors import ConfigError
from pgaudit_kit.names import QualifiedName

TEXT = """\
# ours
schema = "log"   # not audit

# about a
[[tables]]
name = "public.a"   # first
exclude = [
  "x",
]

# about b
[[tables]]
name = '"Public"."B"'
[tables.tenant]
column = "t"

# the end
[actions]
publish = ["update"]
"""
A, B = QualifiedName("public", "a"), QualifiedName("Public", "B")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "pgaudit.toml"
    path.write_text(TEXT)
    return path


def change(
    path: Path, *, put: list[TableConfig] | None = None, remove: list[QualifiedName] | None = None
) -> str:
    with edited(path, put=put or (), remove=remove or ()) as edit:
        edit.commit()
    return path.read_text()


def test_nothing_is_written_before_the_commit(path: Path):
    with edited(path, remove=[A]) as edit:
        assert edit.changes
        assert path.read_text() == TEXT
    assert path.read_text() == TEXT
    assert list(path.parent.iterdir()) == [path]


def test_a_table_is_added_at_the_end_and_the_rest_stays(path: Path):
    table = TableConfig(
        name="public.c", tenant=Tenant(setting="app.t"), personal=("e",), operations=("insert",)
    )
    text = change(path, put=[table])
    assert text.startswith(TEXT)
    assert configuration.parse(text).tables[2] == table


def test_a_table_is_replaced_where_it_stands(path: Path):
    text = change(path, put=[TableConfig(name="public.a", key=("k",))])
    assert text == TEXT.replace(
        'name = "public.a"   # first\nexclude = [\n  "x",\n]', 'name = "public.a"\nkey = ["k"]'
    )


def test_removing_a_table_leaves_the_comments_of_its_neighbours(path: Path):
    text = change(path, remove=[A])
    assert "# about b" in text and "# about a" in text and "# ours" in text
    assert [table.table for table in configuration.parse(text).tables] == [B]
    text = change(path, remove=[B])
    assert configuration.parse(text).tables == ()
    assert "[tables.tenant]" not in text
    assert text.endswith('# the end\n[actions]\npublish = ["update"]\n')


def test_what_is_not_listed_is_passed_over(path: Path):
    with edited(path, remove=[QualifiedName("public", "absent")]) as edit:
        assert not edit.changes


def test_an_inline_array_of_tables_is_edited_too(path: Path):
    path.write_text('tables = [{ name = "public.a" }, { name = "public.b" }]\n[actions]\nx = ["update"]\n')
    text = change(path, put=[TableConfig(name="public.c")], remove=[A])
    assert [table.name for table in configuration.parse(text).tables] == ["public.b", "public.c"]


def test_the_mode_of_the_file_and_a_link_to_it_are_kept(path: Path, tmp_path: Path):
    path.chmod(0o640)
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    change(link, remove=[A])
    assert link.is_symlink()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert "public.a" not in path.read_text()


def test_line_ends_and_a_missing_last_one_are_kept(path: Path):
    path.write_bytes(TEXT.rstrip("\n").replace("\n", "\r\n").encode())
    change(path, put=[TableConfig(name="public.c")])
    assert path.read_bytes().startswith(TEXT.rstrip("\n").replace("\n", "\r\n").encode())
    configuration.load(path)


def test_what_would_not_be_read_back_is_not_written(path: Path):
    path.write_text(TEXT + "\nunknown = 1\n")
    with pytest.raises(ConfigError), edited(path, remove=[A]):
        raise AssertionError("not reached")
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    "when", ["NEW.a <> 'it''s \"x\"'", configuration.When(insert="NEW.a > 1", delete="OLD.a > 1")]
)
def test_a_condition_is_written_as_it_is_read(path: Path, when: str | configuration.When):
    table = TableConfig(name="public.a", when=when)
    assert configuration.parse(change(path, put=[table])).tables[0] == table
