"""Changes of the sealed fingerprint and the control events that explain them."""

from __future__ import annotations

from pgaudit_kit.chain import Block, BlockHeader
from pgaudit_kit.verify.fingerprints import Fingerprints


def seal(prints: Fingerprints, number: int, fingerprint: bytes, first: int | None, last: int | None) -> None:
    """One seal record with events of the kit's own."""
    header = BlockHeader(
        log_index=number, tenant=b"", block_number=number, prev_hash=b"", event_count=0,
        first_event_id=first, last_event_id=last, merkle_root=b"", sealed_at="", fingerprint=fingerprint,
    )  # fmt: skip
    block = Block(
        number, "_system", number, None, None, first, last, None, None, None, None, None, None, None
    )
    prints.see(block, header)


def unexplained(prints: Fingerprints, *controls: int) -> list[int | None]:
    """Block numbers of the changes for which none of these control events accounts."""
    return [change.block_number for change in prints.unexplained(controls)]


def test_a_change_needs_a_control_event_in_its_seal_or_the_next() -> None:
    prints = Fingerprints()
    for number, (fingerprint, first, last) in enumerate(
        [(b"a", 1, 9), (b"a", 10, 12), (b"b", 13, 15), (b"b", 16, 18), (b"b", 19, 20)], start=1
    ):
        seal(prints, number, fingerprint, first, last)
    assert unexplained(prints) == [3]
    assert unexplained(prints, 5, 12, 19) == [3]
    assert unexplained(prints, 14) == []
    assert unexplained(prints, 17) == []


def test_a_change_at_the_newest_seal_may_be_explained_by_what_is_not_sealed_yet() -> None:
    prints = Fingerprints()
    seal(prints, 1, b"a", 1, 9)
    seal(prints, 2, b"b", 10, 12)
    assert unexplained(prints, 9) == [2]
    assert unexplained(prints, 40) == []


def test_a_change_in_a_seal_without_control_events_is_not_explained_by_older_ones() -> None:
    prints = Fingerprints()
    seal(prints, 1, b"a", 1, 9)
    seal(prints, 2, b"b", None, None)
    assert unexplained(prints, 5) == [2]
    seal(prints, 3, b"b", 16, 18)
    assert unexplained(prints, 5) == [2]
    assert unexplained(prints, 5, 16) == []


def test_back_and_forth_are_two_changes() -> None:
    prints = Fingerprints()
    for number, fingerprint in enumerate((b"a", b"b", b"a", b"a"), start=1):
        seal(prints, number, fingerprint, 10 * number, 10 * number + 1)
    assert unexplained(prints) == [2, 3]
    assert prints.newest == b"a"
