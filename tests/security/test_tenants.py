"""`tenant grant|revoke|list`: who reads whose log, and that the log says who was let in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import errors

from tests.kit import Kit
from tests.sealing import audited_table, one, write
from tests.servers import Database, connect

HOSTILE = 'Rolf"; DROP TABLE x; --'


@pytest.fixture
def kit(kit_db: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    monkeypatch.chdir(tmp_path)
    audited_table(kit_db, kit_db.dsn)
    for at, tenant in enumerate(["a", "a", "b", "_system", "*"]):
        write(kit_db, at, tenant=tenant)
    return Kit(kit_db.dsn)


def tenants(conn: psycopg.Connection[Any]) -> dict[str, int]:
    return dict(conn.execute("SELECT tenant_id, count(*) FROM audit.events GROUP BY 1").fetchall())


def controls(db: Database, kind: str) -> list[dict[str, Any]]:
    rows = db.execute(
        "SELECT new_values - 'kind' FROM audit.change_events"
        " WHERE operation = 'C' AND tenant_id = '_system' AND new_values ->> 'kind' = %s ORDER BY event_id",
        [kind],
    )
    return [detail for (detail,) in rows]


def is_reader(db: Database, role: str) -> bool:
    query = (
        "SELECT count(*) FROM pg_auth_members AS m INNER JOIN pg_roles AS r ON r.oid = m.member"
        " WHERE r.rolname = %s AND m.roleid = 'pgaudit_kit_reader'::regrole"
    )
    return bool(one(db, query, [role]))


def test_a_granted_role_reads_that_tenant_until_it_is_revoked(kit: Kit, kit_db: Database) -> None:
    role = kit_db.role("support")
    with connect(kit_db, role) as conn:
        with pytest.raises(errors.InsufficientPrivilege):
            tenants(conn)
        assert kit("tenant", "grant", role, "a", "--json").json["changed"] is True
        assert kit("tenant", "grant", role, "a", "--json").json["changed"] is False
        assert tenants(conn) == {"a": 2}
        kit("tenant", "grant", role, "b")
        kit("tenant", "revoke", role, "a")
        assert tenants(conn) == {"b": 1}
        assert is_reader(kit_db, role)
        kit("tenant", "revoke", role, "b")
        assert not is_reader(kit_db, role)
        with pytest.raises(errors.InsufficientPrivilege):
            tenants(conn)
    assert kit("tenant", "revoke", role, "b", "--json").json["changed"] is False


def test_what_was_granted_and_revoked_is_in_the_log_once(kit: Kit, kit_db: Database) -> None:
    role = kit_db.role("support")
    for command in ("grant", "grant", "revoke", "revoke"):
        kit("tenant", command, role, "a")
    entry = {"reader": role, "tenant": "a", "via": "membership"}
    assert controls(kit_db, "tenant-granted") == [entry] == controls(kit_db, "tenant-revoked")


def test_a_grant_past_the_command_is_in_the_log_too(kit: Kit, kit_db: Database) -> None:
    kit_db.execute("SET session_replication_role = replica")
    kit_db.execute("INSERT INTO audit.tenant_readers VALUES ('somebody', 'a')")
    kit_db.execute("UPDATE audit.tenant_readers SET tenant_id = 'b'")
    kit_db.execute("TRUNCATE audit.tenant_readers")
    assert [entry["tenant"] for entry in controls(kit_db, "tenant-granted")] == ["a", "b"]
    assert [entry["tenant"] for entry in controls(kit_db, "tenant-revoked")] == ["a"]
    assert controls(kit_db, "readers-truncated") == [{}]


def test_a_reader_by_setting_reads_the_tenant_that_its_session_names(kit: Kit, kit_db: Database) -> None:
    role = kit_db.role("webapp")
    kit("tenant", "grant", role, "--via", "setting")
    with connect(kit_db, role) as conn:
        assert tenants(conn) == {}
        for said, seen in (
            ("b", {"b": 1}),
            ("a", {"a": 2}),
            ("", {}),
            ("nobody", {}),
            ("_system", {"__system": 1}),  # a tenant of that name, never the kit's own log
            ("*", {"*": 1}),
        ):
            conn.execute("SELECT set_config('pgaudit_kit.tenant_id', %s, false)", [said])
            assert tenants(conn) == seen, said
    kit("tenant", "revoke", role, "--via", "setting")
    assert not is_reader(kit_db, role)


def test_a_tenant_named_star_is_not_every_tenant(kit: Kit, kit_db: Database) -> None:
    role = kit_db.role("support")
    kit("tenant", "grant", role, "*")
    with connect(kit_db, role) as conn:
        conn.execute("SET pgaudit_kit.tenant_id = 'a'")
        assert tenants(conn) == {"*": 1}


def test_list_names_each_reader_and_says_which_is_gone(kit: Kit, kit_db: Database) -> None:
    role, web = kit_db.role("support"), kit_db.role("webapp")
    kit("tenant", "grant", role, "a")
    kit("tenant", "grant", web, "--via", "setting")
    kit_db.execute("INSERT INTO audit.tenant_readers VALUES ('gone', 'b')")
    assert kit("tenant", "list", "--json").json["readers"] == [
        {"role": "gone", "tenant_id": "b", "via": "membership", "exists": False},
        {"role": role, "tenant_id": "a", "via": "membership", "exists": True},
        {"role": web, "tenant_id": None, "via": "setting", "exists": True},
    ]
    assert "there is no such role" in kit("tenant", "list").out


def test_hostile_names_are_names(kit: Kit, kit_db: Database) -> None:
    kit_db.execute('CREATE ROLE "Rolf""; DROP TABLE x; --" LOGIN')
    kit_db.roles.append(HOSTILE)
    kit("tenant", "grant", HOSTILE, "a'; --")
    assert is_reader(kit_db, HOSTILE)
    kit("tenant", "revoke", HOSTILE, "a'; --")
    assert not is_reader(kit_db, HOSTILE)


def test_what_cannot_be_granted_is_refused(kit: Kit, kit_db: Database) -> None:
    role = kit_db.role("support")
    assert "There is no role" in kit("tenant", "grant", "no such role", "a", code=2).err
    assert "for auditors" in kit("tenant", "grant", role, "_system", code=2).err
    assert "kit's own" in kit("tenant", "grant", "pgaudit_kit_reader", "a", code=2).err
    assert "Name the tenant" in kit("tenant", "grant", role, code=2).err
    assert "no tenant is named" in kit("tenant", "grant", role, "a", "--via", "setting", code=2).err
    assert not is_reader(kit_db, role)


def test_a_role_made_anew_under_a_readers_name_reads_nothing(kit: Kit, kit_db: Database) -> None:
    role = kit_db.role("support")
    kit("tenant", "grant", role, "a")
    kit_db.execute(f"DROP ROLE {role}; CREATE ROLE {role} LOGIN")
    with connect(kit_db, role) as conn, pytest.raises(errors.InsufficientPrivilege):
        tenants(conn)


def test_uninstalling_and_installing_again_keeps_the_readers(kit: Kit, kit_db: Database) -> None:
    role = kit_db.role("support")
    kit("tenant", "grant", role, "a")
    kit("uninstall", "--yes")
    kit_db.execute("INSERT INTO audit.tenant_readers VALUES ('later', 'a')")
    kit("install", "--yes")
    assert kit.plan() == []
    with connect(kit_db, role) as conn:
        assert tenants(conn)["a"] >= 2
