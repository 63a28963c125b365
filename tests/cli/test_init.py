"""`pgaudit-kit init`: the file it writes is one to install from."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec
import pytest
from psycopg.conninfo import make_conninfo

from pgaudit_kit import config
from tests.kit import Kit, run
from tests.servers import Database

SHOP = """
CREATE TABLE public.tenants (id int PRIMARY KEY, title text);
CREATE TABLE public.users (
    id int PRIMARY KEY, tenant_id int, email text, first_name text, email_verified boolean
);
CREATE TABLE public.articles (id int PRIMARY KEY, tenant_id int, body text, search tsvector);
CREATE SCHEMA "My Shop";
CREATE TABLE "My Shop"."Orders" ("Id" int PRIMARY KEY, "orgId" int, "shippingAddress" text);
CREATE TABLE public.events (id int, at date, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE TABLE public.events_1 PARTITION OF public.events FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE public.nokey (a int);
CREATE VIEW public.v AS SELECT 1 AS id;
"""


class _Strict(msgspec.Struct, forbid_unknown_fields=True):
    """Every field is there, and no other."""


class TableFacts(_Strict):
    name: str
    tenant_column: str | None
    personal: list[str]
    exclude: list[str]


class LeftOut(_Strict):
    name: str
    reason: str


class Answer(_Strict):
    version: Literal[1]
    path: str
    tables: list[TableFacts]
    left_out: list[LeftOut]


@pytest.fixture
def kit(db: Database, tmp_path: Path) -> Kit:
    """Commands on a database with a small shop, and where the file shall be."""
    db.execute(SHOP)
    return Kit(db.dsn, config=tmp_path / "pgaudit.toml")


def test_what_is_proposed(kit: Kit) -> None:
    answer = msgspec.json.decode(kit("init", "--json").out, type=Answer)
    assert {table.name: (table.tenant_column, table.personal, table.exclude) for table in answer.tables} == {
        '"My Shop"."Orders"': ("orgId", ["shippingAddress"], []),
        "public.articles": ("tenant_id", [], ["search"]),
        "public.events": (None, [], []),
        "public.tenants": ("id", [], []),
        "public.users": ("tenant_id", ["email", "first_name"], []),
    }
    assert [item.name for item in answer.left_out] == ["public.nokey"]
    assert answer.path == str(kit.config)


def test_the_file_is_one_to_install_from(kit: Kit, db: Database) -> None:
    kit("init")
    assert kit.config
    assert len(config.load(kit.config).tables) == 5
    kit("install", "--yes")
    kit("plan", "--exit-code")
    db.execute("INSERT INTO public.users VALUES (1, 7, 'a@example.org', 'Ann', true)")
    row = db.execute("SELECT tenant_id, new_values ->> 'email' FROM audit.events WHERE operation = 'INSERT'")
    assert row.fetchone() == ("7", "a@example.org")
    line = db.execute("SELECT audit.event_line(e) FROM audit.change_events AS e WHERE operation = 'I'")
    assert "example.org" not in str(line.fetchone())


def test_a_table_without_a_key_is_there_to_uncomment(kit: Kit) -> None:
    kit("init")
    assert kit.config
    text = kit.config.read_text()
    assert "# It has no primary key" in text
    assert '# name = "public.nokey"\n# key = ' in text


def test_nothing_is_changed_in_the_database(kit: Kit, db: Database) -> None:
    db.execute(f'ALTER DATABASE "{db.name}" SET default_transaction_read_only = on')
    kit("init")


def test_a_file_that_is_there_is_left_alone(kit: Kit) -> None:
    kit.declare("# mine\n")
    answer = kit("init", code=2)
    assert "hint:" in answer.err
    assert kit.config
    assert kit.config.read_text() == "# mine\n"


def test_a_dangling_link_is_left_alone_too(kit: Kit, tmp_path: Path) -> None:
    assert kit.config
    kit.config.symlink_to(tmp_path / "elsewhere")
    kit("init", code=2)
    assert not (tmp_path / "elsewhere").exists()


def test_without_config_it_goes_into_the_current_folder(
    kit: Kit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kit.declare("this is not TOML")  # in the folder above, and none of its business
    folder = tmp_path / "sub"
    folder.mkdir()
    monkeypatch.chdir(folder)
    kit.config = None
    assert "Wrote" in kit("init").out
    assert config.load(folder / "pgaudit.toml").tables


def test_a_folder_that_is_not_there(kit: Kit, tmp_path: Path) -> None:
    kit.config = tmp_path / "absent" / "pgaudit.toml"
    kit("init", code=2)


def test_another_schema_is_written_down(kit: Kit, db: Database) -> None:
    kit.schema = "Audit 2"
    kit("init")
    kit.schema = None
    kit("install", "--yes")
    assert db.execute("SELECT to_regclass('\"Audit 2\".change_events') IS NOT NULL").fetchone() == (True,)


def test_tables_of_an_installation_are_no_candidates(kit: Kit) -> None:
    run("--dsn", kit.dsn, "--schema", "other", "install", "--yes")
    assert "other." not in kit("init").out


def test_tables_of_others_are_left_out(kit: Kit, db: Database) -> None:
    stranger = db.role()
    db.execute(f"CREATE SCHEMA own AUTHORIZATION {stranger}; CREATE TABLE own.mine (id int PRIMARY KEY)")
    db.execute(f"ALTER TABLE own.mine OWNER TO {stranger}")
    kit.dsn = make_conninfo(kit.dsn, user=stranger)
    answer = msgspec.json.decode(kit("init", "--json").out, type=Answer)
    assert [table.name for table in answer.tables] == ["own.mine"]
    assert "belongs to postgres" in answer.left_out[0].reason


def test_an_empty_database(db: Database, tmp_path: Path) -> None:
    kit = Kit(db.dsn, config=tmp_path / "pgaudit.toml")
    assert "No table was found" in kit("init").out
    kit("install", "--yes")


def test_an_unreachable_server_leaves_no_file(tmp_path: Path) -> None:
    path = tmp_path / "pgaudit.toml"
    assert run("--dsn", f"host={tmp_path}", "--config", str(path), "init").code == 3
    assert not path.exists()


def test_help_has_an_example() -> None:
    assert "Example:" in run("init", "--help").out


def test_what_is_proposed_by_foreign_keys_can_be_installed(kit: Kit, db: Database) -> None:
    db.execute(
        'CREATE TABLE public.comments (id int PRIMARY KEY, "articleId" int REFERENCES public.articles);'
        "CREATE TABLE public.likes (id int PRIMARY KEY, comment int REFERENCES public.comments)"
    )
    kit("init")
    assert kit.config is not None
    declared = {table.name: table.tenant for table in config.load(kit.config).tables}
    assert declared["public.comments"] == config.Tenant(via='"articleId" -> public.articles.tenant_id')
    assert declared["public.likes"] == config.Tenant(via="comment -> public.comments")
    kit("install", "--yes")
    assert kit.plan() == []
    db.execute(
        "INSERT INTO public.articles VALUES (1, 7); INSERT INTO public.comments VALUES (1, 1);"
        "INSERT INTO public.likes VALUES (1, 1)"
    )
    tenants = "SELECT DISTINCT tenant_id FROM audit.change_events WHERE operation = 'I'"
    assert db.execute(tenants).fetchall() == [("7",)]
