"""The soak's oracle finds what it is there to find."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pgaudit_kit.server.postmaster import wait_until
from tests.sealing import one
from tests.servers import find_servers
from tests.soak.answers import all_told
from tests.soak.keepers import Resolver
from tests.soak.ledger import Ledger, inserted, updated
from tests.soak.oracle import compare, resolve
from tests.soak.world import World, made
from tests.soak.writers import Writer


@pytest.fixture
def world() -> Iterator[World]:
    """On one server."""
    with made(next(iter(find_servers().binaries)), 1, pace=0) as world:
        yield world


def test_the_oracle_tells_what_is_missing_and_what_is_too_much(world: World):
    writer = Writer(world, "writer-1", 1)
    (resolver,) = world.threads({"resolver": Resolver(world, "resolver").run})
    with world.connect("oracle") as conn:

        def findings() -> str:
            for _ in range(30):
                writer.once()
            open_ones = "SELECT count(*) FROM pg_prepared_xacts"
            assert wait_until(lambda: one(conn, open_ones) == 0 and world.prepared.empty(), 60)
            resolve(world, conn)
            return "\n".join(compare(world, conn))

        assert findings() == ""
        assert world.done["events"] > 30
        conn.execute("ALTER TABLE public.doc DISABLE TRIGGER USER")
        missing = findings()
        conn.execute("ALTER TABLE public.doc ENABLE TRIGGER USER")
        assert "doc" in missing and "and has   []" in missing
        last = world.ledger.open(2**31, "writer-1", "")
        last.changes.append(inserted("mood", {"id": 1, "tenant": "a", "n": 0}))
        last.outcome = "committed"
        assert f"{2**31} (committed, writer-1): mood 1" in "\n".join(compare(world, conn))
        conn.execute("INSERT INTO public.parent VALUES (1, 'a', 0, 'nobody')")
        assert "nobody's transaction has events of parent 1" in "\n".join(compare(world, conn))
    world.stop.set()
    world.writers_done.set()
    resolver.join()


def test_a_number_comes_back_after_a_crash_unless_its_transaction_committed():
    ledger = Ledger()
    for outcome in (None, "aborted", "committed"):
        ledger.open(7, "writer-1", "").outcome = outcome
    with pytest.raises(AssertionError, match="began twice"):
        ledger.open(7, "writer-2", "")


def test_an_enum_value_renamed_between_two_looks_is_no_change():
    old = {"id": 1, "tenant": "a", "n": 3, "feel": "m6_", "w": "x"}
    (change,) = updated("mood", old, old | {"feel": "m6", "n": 4})
    assert (change.old, change.new) == ({"n": 3}, {"n": 4})


def test_what_verify_may_leave_open():
    renamed = (
        "note: c: 3 rows of public.mood are not as events from before its definition\nchanged left them: x.\n"
    )
    other = renamed.replace("mood", "doc")
    beside = "note: public.doc could not be\ncompared with its events: it was renamed.\n"
    young = "note: b: Nothing of this tenant is sealed yet.\n"
    end = "\nUNKNOWN: the notes say why.\nNot established: whether note: counts."
    assert all_told(renamed + end, quiet=True)
    assert all_told(renamed + young + beside + end, quiet=False)
    assert not all_told(renamed + beside + end, quiet=True)
    assert not all_told(renamed + other + end, quiet=False)
    assert not all_told(beside + "note: Level replay could not be finished: x." + end, quiet=False)
    assert not all_told(young + end, quiet=False)
