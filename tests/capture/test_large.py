"""Values that jsonb, or an event's line, cannot hold: the write succeeds, a digest is recorded."""

from __future__ import annotations

import hashlib

import pytest

from tests.capture.conftest import Audit
from tests.capture.helpers import BULK_MODES, MODES, Audited, enable, one
from tests.servers import Database

IN_MODES = MODES + BULK_MODES

GROWING = "[" + ",".join(["1e131000"] * 2500) + "]"
"""Some 20 kB of jsonb, 320 MB of text."""


@pytest.mark.any_server
def test_small_values_of_much_text_become_a_digest(audited: Audit):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, j jsonb, p jsonb)", "--personal", "p")
    t.db.execute("INSERT INTO public.t VALUES (1, %s, NULL)", [GROWING])
    (event,) = t.events()
    assert set(event.new["~row"]) == {"~sha256", "~bytes"}
    assert int(event.new["~row"]["~bytes"]) > 300_000_000
    assert one(t.db, "SELECT audit.seal()") > 0


@pytest.mark.parametrize("size", [100, 7_900, 8_100, 30_000, 1_100_000])
def test_a_row_of_any_size_is_recorded_whole(audited: Audit, size: int):
    t = audited("CREATE TABLE public.t (id int PRIMARY KEY, a text, b text, n int)", "--tenant-column", "b")
    t.db.execute("ALTER TABLE public.t ALTER a SET STORAGE EXTERNAL")  # as it is, not compressed
    for statement in (
        f"INSERT INTO public.t VALUES (1, repeat('x', {size}), 'one', 0)",
        "UPDATE public.t SET n = 1",
        f"UPDATE public.t SET a = repeat('y', {size})",
        "UPDATE public.t SET b = 'two'",
        "DELETE FROM public.t",
    ):
        t.db.execute(statement.encode())
    before, after = "x" * size, "y" * size
    whole = {"id": "1", "a": after, "n": "1"}
    assert [(e.tenant_id, *e.change) for e in t.events()] == [
        ("one", "INSERT", "1", {}, {"id": "1", "a": before, "b": "one", "n": "0"}),
        ("one", "UPDATE", "1", {"n": "0"}, {"n": "1"}),
        ("one", "UPDATE", "1", {"a": before}, {"a": after}),
        ("one", "UPDATE", "1", {**whole, "b": "one"}, {}),
        ("two", "UPDATE", "1", {}, {**whole, "b": "two"}),
        ("two", "DELETE", "1", {**whole, "b": "two"}, {}),
    ]


@pytest.mark.long
@pytest.mark.any_server
def test_value_too_large_for_jsonb(kit_db: Database):
    size = 270_000_000
    digest = hashlib.sha256(b"x" * size).hexdigest()
    large = {"~sha256": digest, "~bytes": str(size)}
    for mode in ("specialised", "generic"):
        name = f"public.{mode}"
        kit_db.execute(f"CREATE TABLE {name} (id int PRIMARY KEY, big text, f float8, small text)".encode())
        enable(kit_db, name)
        t = Audited(kit_db, name, mode)
        t.do(f"INSERT INTO {name} VALUES (1, repeat('x', {size}), 0, 's')")
        if mode == "specialised":  # a large row is the same to both; seconds each
            t.do(f"UPDATE {name} SET small = 't'", f"UPDATE {name} SET f = '-0'")
        t.do(f"UPDATE {name} SET big = 'short'", f"DELETE FROM {name}")
        insert, *kept, shrink, delete = t.events()
        assert insert.new == {"id": "1", "big": large, "f": "0", "small": "s"}
        if kept:
            assert kept[0].change == ("UPDATE", "1", {"small": "s"}, {"small": "t"})
            assert set(kept[1].new["~row"]) == {"~sha256", "~bytes"}
        assert shrink.change == ("UPDATE", "1", {"big": large}, {"big": "short"})
        assert delete.old["big"] == "short"
    assert one(kit_db, "SELECT audit.seal()") > 0


@pytest.mark.long
@pytest.mark.any_server
def test_key_too_large_for_jsonb_is_the_digest_that_it_is_for_other_events(kit_db: Database):
    size = 270_000_000
    kit_db.execute(b"CREATE TABLE public.t (k text)")
    enable(kit_db, "public.t", "--key", "k")
    t = Audited(kit_db, "public.t", "specialised")
    t.do(f"INSERT INTO public.t VALUES (repeat('x', {size}))")
    (insert,) = t.events()
    assert insert.record_key == "sha256:" + hashlib.sha256(b"x" * size).hexdigest()
