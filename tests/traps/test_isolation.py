"""T11: a partition of the log shows no more than the log, whoever was granted what on it by mistake."""

from __future__ import annotations

import psycopg
import pytest

from tests.capture.helpers import one
from tests.servers import connect
from tests.traps.trap import Trap

LEAVES = (
    "SELECT t.relid::regclass::text FROM pg_class AS c, pg_partition_tree(c.oid) AS t"
    " WHERE c.relnamespace = 'audit'::regnamespace AND c.relkind = 'p' ORDER BY 1"
)


def test_a_partition_asked_directly_shows_nothing_of_other_tenants(trap: Trap):
    trap.audit("CREATE TABLE public.t (id int PRIMARY KEY, tenant text)", "--tenant-column", "tenant")
    trap.do("INSERT INTO public.t VALUES (1, 'a'), (2, 'b')")
    trap.proved()
    trap.do("SELECT audit.maintain_partitions(now() + interval '20 days')")
    role = trap.db.role()
    trap.do(f"GRANT pgaudit_kit_reader TO {role}")
    leaves = [name for (name,) in trap.db.execute(LEAVES).fetchall()]
    assert len(leaves) > 50
    unguarded = one(
        trap.db,
        "SELECT array_agg(c.relname) FROM pg_class AS c WHERE c.oid = ANY (%s::regclass[])"
        " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)",
        leaves,
    )
    assert unguarded is None
    filled = [leaf for leaf in leaves if one(trap.db, f"SELECT EXISTS (SELECT FROM ONLY {leaf})")]
    assert {leaf.split("_p2")[0] for leaf in filled} >= {"audit.change_events", "audit.blocks"}
    with connect(trap.db, role) as conn:
        for leaf in leaves:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                conn.execute(f"SELECT FROM {leaf} LIMIT 1".encode())
        assert conn.execute("SELECT count(*) FROM audit.events").fetchone() == (0,)
        for leaf in filled:  # granted by mistake, its row security still holds
            trap.do(f"GRANT SELECT ON {leaf} TO {role}")
            assert conn.execute(f"SELECT count(*) FROM {leaf}".encode()).fetchone() == (0,)
    assert trap.doctor("grants")[0] != "ok"
    trap.do(*(f"REVOKE SELECT ON {leaf} FROM {role}" for leaf in filled))
