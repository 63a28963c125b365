"""Django's own applications: their models and their migrations on audited tables."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.capture.helpers import controls, events, one, unguarded
from tests.clients.watching import assert_replayed, assert_verified, tables_of
from tests.conftest import install_kit
from tests.kit import Kit
from tests.servers import Database, PgServer

ROOT = Path(__file__).parents[2]
TABLES = tuple(
    f"public.{name}"
    for name in (
        "auth_group", "auth_group_permissions", "auth_permission", "auth_user", "auth_user_groups",
        "auth_user_user_permissions", "django_admin_log", "django_content_type", "django_migrations",
        "django_session",
    )
)  # fmt: skip
ANEW = ("public.django_admin_log", "public.django_session")
"""What the migrations of these tests drop and create again."""


def site(db: Database, *command: str) -> str:
    """One command of the site, as the owner of its tables."""
    return run_site(make_conninfo(db.dsn, user=db.roles[0]), *command)


def run_site(dsn: str, *command: str) -> str:
    """One command of the site, in a process of its own."""
    answer = subprocess.run(
        [sys.executable, "-m", "tests.clients.django_site", dsn, *command],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert answer.returncode == 0, answer.stdout
    return answer.stdout


def build(dsn: str) -> None:
    """Migrated, and each of its tables audited, with the rows that were there."""
    install_kit(dsn)
    run_site(dsn, "migrate")
    Kit(dsn)("enable", *TABLES, "--baseline")


@pytest.fixture
def site_db(server: PgServer) -> Iterator[Database]:
    """The site's database, all of its tables audited; they belong to the ordinary role of the site."""
    with server.database(server.template("django", build)) as db:
        assert tables_of(db) == sorted(TABLES)
        owner = db.role("django")
        db.execute(f"GRANT CREATE ON SCHEMA public TO {owner}".encode())
        for table in TABLES:
            db.execute(f"ALTER TABLE {table} OWNER TO {owner}".encode())
        yield db


def by_action(db: Database) -> dict[str | None, list[str]]:
    """Words such as `INSERT auth_user`, by the action under which they happened."""
    told = defaultdict(list)
    for event in events(db):
        if event.operation != "BASELINE":
            told[event.action].append(f"{event.operation} {event.table_name.removeprefix('public.')}")
    return told


def test_the_orm_is_recorded_step_by_step(site_db: Database) -> None:
    site(site_db, "work")
    assert by_action(site_db) == {
        "create user": ["INSERT auth_user"],
        "m2m add": ["INSERT auth_group", *["INSERT auth_group_permissions"] * 3, "INSERT auth_user_groups"],
        "m2m set": [*["DELETE auth_group_permissions"] * 2, "INSERT auth_group_permissions"],
        "save": ["UPDATE auth_user"],
        "bulk create": ["INSERT auth_user"] * 5,
        "bulk upsert": ["UPDATE auth_user", "INSERT auth_user"],
        "update": ["UPDATE auth_user"] * 6,
        "bulk update": ["UPDATE auth_user"] * 2,
        "select for update": ["UPDATE auth_user"],
        "iterate": ["UPDATE auth_user"] * 2,
        "savepoint": ["INSERT auth_user"] * 2,
        "session": ["INSERT django_session", "UPDATE django_session", "DELETE django_session"],
        "delete cascades": [
            "DELETE auth_group_permissions", "DELETE auth_permission", "DELETE auth_user",
        ],
        None: ["UPDATE auth_user"],
    }  # fmt: skip
    assert_replayed(site_db, *TABLES)
    assert_verified(site_db)


@pytest.mark.parametrize("command", ["requests", "packaged"])
def test_the_middleware_says_who(site_db: Database, command: str) -> None:
    """The documented one, and the package's own."""
    site(site_db, command)
    root = one(site_db, "SELECT id::text FROM auth_user WHERE username = 'root'")
    told = [event for event in events(site_db) if event.actor_id == root]
    assert [(event.operation, event.table_name) for event in told] == [
        ("INSERT", "public.auth_group"),
        ("INSERT", "public.django_admin_log"),
    ]
    assert (
        one(site_db, "SELECT user_agent FROM audit.events WHERE actor_id = %s LIMIT 1", root) == "browser/1"
    )
    assert not any(event.new.get("name") == "never" for event in events(site_db))


def test_the_packages_contexts_end_where_they_end(site_db: Database) -> None:
    site(site_db, "packaged")
    groups = [event for event in events(site_db) if event.table_name == "public.auth_group"]
    assert [(event.new["name"], event.actor_id, event.action) for event in groups[1:]] == [
        ("nobody", None, None),
        ("ada", "ada", "edit"),
        ("bob", "bob", "edit"),
        ("ada again", "ada", "publish"),
        ("nobody again", None, None),
    ]
    assert groups[2].context["node_id"] == "eu-1"


def said(db: Database, after: int = 0) -> set[tuple[str, str]]:
    """What the control events since then say of which table."""
    return {(event["kind"], event["table"].removeprefix("public.")) for event in controls(db, after)}


def migrate(db: Database, *arguments: str) -> tuple[set[tuple[str, str]], Counter[str]]:
    """What the control events say of this migration, and how often each operation was recorded."""
    newest = one(db, "SELECT max(event_id) FROM audit.change_events")
    site(db, "migrate", *arguments)
    words = (f"{event.operation} {event.table_name.removeprefix('public.')}" for event in events(db, newest))
    return said(db, newest), Counter(words)


def test_migrations_run_back_and_forth_on_audited_tables(site_db: Database) -> None:
    _migrate_back_and_forth(site_db, watched=True)


@pytest.mark.any_server
def test_migrations_run_also_without_event_triggers(site_db: Database) -> None:
    for (name,) in site_db.execute("SELECT evtname FROM pg_event_trigger WHERE evtname ~ '^pgaudit_kit'"):
        site_db.execute(f"DROP EVENT TRIGGER {name}".encode())
    for table in TABLES:
        site_db.execute(unguarded(site_db, table).encode())
    _migrate_back_and_forth(site_db, watched=False)


def _migrate_back_and_forth(site_db: Database, *, watched: bool) -> None:
    site(site_db, "work")
    changed, done = migrate(site_db, "auth", "0001")
    assert done["DELETE django_migrations"] == 11
    users = one(site_db, "SELECT count(*) FROM auth_user")
    assert done["UPDATE auth_user"] == users  # last_login must not be NULL in the old definition
    assert (("table-changed", "auth_user") in changed) == watched
    changed, done = migrate(site_db, "contenttypes", "0001")
    types = one(site_db, "SELECT count(*) FROM django_content_type")
    assert done["UPDATE django_content_type"] == types > 0  # the migration fills the column that it adds
    assert (("table-changed", "django_content_type") in changed) == watched
    dropped = [migrate(site_db, app, "zero")[0] for app in ("admin", "sessions")]
    gone = [
        {("table-dropped", name)} if watched else set() for name in ("django_admin_log", "django_session")
    ]
    assert dropped == gone
    migrate(site_db)
    kept = [table for table in TABLES if table not in ANEW]
    assert_replayed(site_db, *kept, added=["name"])
    _assert_planned(site_db, watched)
    assert_replayed(site_db, *kept)
    assert_verified(site_db)


def _assert_planned(db: Database, watched: bool) -> None:
    """What `plan` tells is mended by `apply` and `enable`; then the site works as before."""
    kit = Kit(db.dsn)
    planned = kit("plan", "--json").json
    if watched:
        assert {n.split()[0] for n in planned["notes"]} == set(ANEW)
    else:
        assert {
            c["target"] for c in planned["changes"] if c["op"] == "drop" and c["kind"] == "registry"
        } == set(ANEW)
    kit("apply", "--yes")
    assert {note.split()[0] for note in kit("plan", "--json").json["notes"]} == set(ANEW)
    kit("enable", *ANEW)
    assert kit("plan", "--json").json["notes"] == kit.plan() == []
    kit("seal")  # a slow machine would otherwise have doctor tell how long nothing was sealed
    kit("doctor", code=0)
    site(db, "requests")
    assert by_action(db)[None][-1] == "INSERT django_admin_log"
