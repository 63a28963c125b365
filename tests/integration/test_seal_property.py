"""Whatever is written by whom in whatever portions: the chain is what Python makes of it."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.sealing import assert_sound, audited_table, one, seal, seal_all, sealed_once
from tests.servers import Database

TENANTS = st.sampled_from(["a", "b", "Ünïcode \"'\\", "_system", "", "x" * 300]) | st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8
)
SIZES = st.integers(1, 5) | st.integers(1, 300)
STEPS = st.lists(st.tuples(TENANTS, SIZES, st.sampled_from(["seal", "own", "rollback", "none"])), max_size=6)


def test_the_chain_of_random_batches_is_that_of_python(kit_db: Database) -> None:
    audited_table(kit_db, kit_db.dsn)
    numbers = iter(range(1, 10**9, 1000))

    @settings(max_examples=max(settings().max_examples // 4, 10))
    @given(STEPS)
    def check(steps: list[tuple[str, int, str]]) -> None:
        for tenant, size, then in steps:
            _step(kit_db, tenant, next(numbers), size, then)
        seal_all(kit_db)
        assert sealed_once(kit_db)
        assert one(kit_db, "SELECT sum(event_count)::bigint FROM audit.chain_heads") == one(
            kit_db, "SELECT count(*) FROM audit.change_events"
        )

    check()
    assert_sound(kit_db)


def _step(conn: Any, tenant: str, first: int, size: int, then: str) -> None:
    insert = "INSERT INTO public.doc SELECT i, %s, 'v' FROM generate_series(%s::bigint, %s::bigint) AS i"
    with conn.transaction(force_rollback=then == "rollback"):
        conn.execute(insert, [tenant, first, first + size - 1])
        if then == "own":
            seal(conn)  # must leave these for the next
    if then == "seal":
        assert seal(conn) >= size
