"""The hybrid logical clock: it never goes back, whatever the machines' clocks do."""

from __future__ import annotations

import functools
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pgaudit_kit.clients.hlc import Clock, ClockAhead, Moment

HOUR_MS = 3_600_000
START_MS = 1_700_000_000_000


def test_a_clock_goes_on_while_the_machines_stands_still_or_goes_back() -> None:
    times = iter([START_MS, START_MS, START_MS - HOUR_MS, START_MS + 5])
    clock = Clock("a", now_ms=lambda: next(times))
    given_out = [clock.tick() for _ in range(4)]
    assert [(m.milliseconds - START_MS, m.counter) for m in given_out] == [(0, 0), (0, 1), (0, 2), (5, 0)]


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(-3, 3)), min_size=1, max_size=60))
def test_two_nodes_an_hour_apart_keep_the_order_of_what_follows_from_what(
    steps: list[tuple[bool, bool, int]],
) -> None:
    """Each step is on one of the nodes, which may have heard of the newest moment of the other one."""
    now = {"a": START_MS, "b": START_MS + HOUR_MS}
    clocks = {name: Clock(name, now_ms=functools.partial(now.__getitem__, name)) for name in now}
    newest: dict[str, Moment] = {}
    for on_a, heard, drift in steps:
        node, other = ("a", "b") if on_a else ("b", "a")
        now[node] += drift  # the machine's clock may go back
        before = [newest[name] for name in ((node, other) if heard else (node,)) if name in newest]
        if heard and other in newest:
            moment = clocks[node].follow(str(newest[other]))
        else:
            moment = clocks[node].tick()
        assert all(moment > earlier and str(moment) > str(earlier) for earlier in before)
        newest[node] = moment


def test_a_moment_is_written_and_read_in_the_order_that_it_has() -> None:
    moments = [Moment(value) for value in (0, 1, 0xFFFF, 0x10000, START_MS << 16, (1 << 64) - 1)]
    texts = [str(moment) for moment in moments]
    assert texts == sorted(texts)
    assert [Moment.parse(text) for text in texts] == moments
    assert texts[-2] == f"{START_MS:012x}-0000"


@pytest.mark.parametrize("text", ["", "0192f0c1a2b3", "0192F0C1A2B3-0000", "0192f0c1a2b3-0000\n", "x" * 500])
def test_what_is_no_moment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment"):
        Moment.parse(text)


def test_more_than_a_counter_of_moments_in_a_millisecond_go_on_in_the_next() -> None:
    clock = Clock("a", now_ms=lambda: START_MS, seen=Moment(START_MS << 16 | 0xFFFF))
    assert clock.tick() == Moment(START_MS + 1 << 16)


def test_one_wrong_clock_does_not_carry_the_others_along() -> None:
    clock = Clock("a", now_ms=lambda: START_MS, max_ahead_ms=HOUR_MS)
    clock.follow(Moment(START_MS + HOUR_MS << 16))
    with pytest.raises(ClockAhead):
        clock.follow(Moment(START_MS + HOUR_MS + 1 << 16))
    assert clock.tick().milliseconds == START_MS + HOUR_MS


def test_threads_never_get_the_same_moment() -> None:
    clock = Clock("a", now_ms=lambda: START_MS)
    with ThreadPoolExecutor(4) as pool:
        moments = list(pool.map(lambda _: clock.tick(), range(2000)))
    assert len(set(moments)) == 2000
