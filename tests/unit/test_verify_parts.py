"""The parts of verify that know no database: whose a gap is, what seals bound, and counting findings."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit import chain
from pgaudit_kit.verify import Finding
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.log import Gap, MissingBlocks, unexplained
from pgaudit_kit.verify.report import Level
from pgaudit_kit.verify.seals import MARGIN, Seals, SeenBy

START = datetime(2026, 1, 1, tzinfo=UTC)
RECORD = chain.BlockHeader(
    log_index=0,
    tenant=bytes(32),
    block_number=1,
    prev_hash=bytes(32),
    event_count=0,
    first_event_id=None,
    last_event_id=None,
    merkle_root=bytes(32),
    sealed_at="2026-01-01T00:00:00.000000Z",
    snapshot="10:20:11,12",
    incarnation=chain.Incarnation(1, 1, 1, 0),
    fingerprint=bytes(32),
)


HERE = chain.Incarnation(1, 1, 1, 0)


def record(xmax: int, minute: int, incarnation: chain.Incarnation = HERE) -> chain.BlockHeader:
    moment = chain.utc_text(START + timedelta(minutes=minute))
    return replace(RECORD, snapshot=f"{xmax}:{xmax}:", sealed_at=moment, incarnation=incarnation)


# --- gaps


def test_a_gap_is_explained_by_a_chain_that_lacks_a_block_there():
    assert unexplained([Gap(3, 4)], [MissingBlocks(1, 2, 7)]) == []


def test_a_gap_elsewhere_is_not_explained():
    assert unexplained([Gap(3, 4)], [MissingBlocks(1, 3, 7)]) == [Gap(3, 4)]


def test_more_positions_than_missing_blocks_leave_the_rest_unexplained():
    assert unexplained([Gap(3, 6)], [MissingBlocks(2, 0, 9)]) == [Gap(5, 6)]


def test_blocks_whose_room_ends_first_choose_first():
    wide, narrow = MissingBlocks(1, 0, 9), MissingBlocks(1, 0, 4)
    assert unexplained([Gap(3, 4), Gap(5, 6)], [wide, narrow]) == []


def test_a_tail_is_explained_by_a_chain_whose_head_says_more():
    assert unexplained([Gap(8, 10)], [MissingBlocks(2, 5, 2**63)]) == []


@given(st.lists(st.integers(0, 3), max_size=40), st.data())
def test_blocks_taken_out_of_chains_always_explain_the_gaps(tenants: list[int], data: st.DataObject):
    gone = data.draw(st.sets(st.integers(0, max(0, len(tenants) - 1)), max_size=len(tenants)))
    gone &= set(range(len(tenants)))
    gaps = [Gap(index, index + 1) for index in sorted(gone)]
    missing = []
    for tenant in set(tenants):
        above, lacking = -1, 0
        for index in [i for i, one in enumerate(tenants) if one == tenant]:
            if index in gone:
                lacking += 1
                continue
            if lacking:
                missing.append(MissingBlocks(lacking, above, index))
            above, lacking = index, 0
        if lacking:
            missing.append(MissingBlocks(lacking, above, 2**63))
    assert unexplained(gaps, missing) == []
    if gaps:
        fewer = [*missing[1:], replace(missing[0], count=missing[0].count - 1)]
        assert sum(gap.after - gap.first for gap in unexplained(gaps, fewer)) == 1


# --- seals


def test_a_snapshot_is_read():
    assert SeenBy.parse("10:20:11,12") == SeenBy(10, 20, (11, 12))
    assert SeenBy.parse("10:20:") == SeenBy(10, 20, ())


def test_a_bound_comes_from_the_seal_two_before():
    seals = Seals()
    for minute in range(5):
        seals.add(record(100 + minute, minute), 10 * minute, sound=True)
    seals.confirm()
    bounds = seals.bounds(1, 100)
    assert (bounds.xmaxs, bounds.event_ids) == ([102, 103, 104], [0, 10, 20])
    assert bounds.times == [START + timedelta(minutes=minute) - MARGIN for minute in range(3)]


def test_an_unsound_or_unconfirmed_record_bounds_nothing():
    seals = Seals()
    for minute in range(5):
        seals.add(record(100 + minute, minute), minute, sound=minute != 3)
    assert seals.bounds(1, 100).xmaxs == []
    seals.confirm()
    assert seals.bounds(1, 100).xmaxs == [104]


def test_a_clock_that_was_set_back_lowers_earlier_bounds():
    seals = Seals()
    for number, minute in enumerate((600, 601, 0, 1, 2)):
        seals.add(record(100 + number, minute), 0, sound=True)
    seals.confirm()
    assert seals.bounds(1, 100).times == [START - MARGIN] * 3


def test_a_new_incarnation_begins_anew():
    seals = Seals()
    for minute in range(5):
        seals.add(record(100 + minute, minute), 0, sound=True)
    copy = chain.Incarnation(1, 1, 2, 50)
    drained = [seals.drained]
    for xmax in (7, 8, 9):
        seals.add(record(xmax, xmax, copy), 50, sound=True)
        seals.confirm()
        drained.append(seals.drained)
    assert seals.bounds(1, 100).xmaxs == [9]
    # transactions that were under way at the first two seals may still have ids from before
    assert drained == [True, False, False, True]


@pytest.mark.parametrize("first", [1, 150_000, 10**9])
def test_bounds_are_few_ascending_and_reach_the_end(first: int, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("pgaudit_kit.verify.seals.KEPT", 5_000)
    seals = Seals()
    for number in range(20_000):
        seals.add(record(number, number), 10 * number, sound=True)
    seals.confirm()
    bounds = seals.bounds(first, first + 1000)
    assert len(bounds.xmaxs) < 4_500
    assert bounds.xmaxs == sorted(set(bounds.xmaxs))
    assert bounds.xmaxs[-1] == 19_999
    assert bounds.event_ids == sorted(bounds.event_ids)


# --- findings


def test_a_kind_is_listed_up_to_a_limit_for_each_tenant():
    findings = Findings(listed=2)
    for event in range(5):
        for tenant in ("a", "b"):
            findings.add(Finding(kind="k", level="events", tenant_id=tenant, event_id=event, message=""))
    assert [(one.tenant_id, one.event_id) for one in findings.sorted()] == [
        ("a", 0), ("a", 1), ("b", 0), ("b", 1),
    ]  # fmt: skip
    assert findings.omitted == 6


def test_what_happened_to_the_log_stands_before_what_follows_for_rows():
    findings = Findings()
    levels: tuple[Level, ...] = ("replay", "completeness", "events", "chain")
    for event, level in enumerate(levels):
        findings.add(Finding(kind="k", level=level, tenant_id="a", event_id=event, message=""))
    assert [one.level for one in findings.sorted()] == ["chain", "events", "completeness", "replay"]


def test_another_tenants_finding_is_not_taken():
    findings = Findings(["a"])
    findings.add(Finding(kind="k", level="chain", tenant_id="b", message=""))
    assert not findings.any()
    findings.add(Finding(kind="k", level="chain", message=""))
    assert findings.failed("a", "chain")
    assert not findings.failed("a", "events")
