"""Whose a gap in the log is: matches missing log positions with the blocks that tenants' chains lack."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Gap:
    """Log positions from `first` to before `after` that no block has."""

    first: int
    after: int


@dataclass(frozen=True, slots=True)
class MissingBlocks:
    """`count` blocks that one chain lacks, somewhere between two log positions (both excluded)."""

    count: int
    above: int
    below: int


def unexplained(gaps: Iterable[Gap], missing: Iterable[MissingBlocks]) -> list[Gap]:
    """What is left of the gaps when every missing block has taken a position that can be its own.

    Blocks whose room ends first choose first, each the lowest position: so as many as can be find one.
    """
    left = sorted(gaps, key=lambda gap: gap.first)
    for blocks in sorted(missing, key=lambda blocks: (blocks.below, blocks.above)):
        count, remaining = blocks.count, []
        for gap in left:
            low, high = max(gap.first, blocks.above + 1), min(gap.after, blocks.below)
            taken = max(0, min(count, high - low))
            if not taken:
                remaining.append(gap)
                continue
            count -= taken
            rest = (Gap(gap.first, low), Gap(low + taken, gap.after))
            remaining += [part for part in rest if part.first < part.after]
        left = remaining
    return left
