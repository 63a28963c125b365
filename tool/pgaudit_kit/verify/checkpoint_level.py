"""Level checkpoint: the log as it is must be the one that was signed, at every size that was signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from pgaudit_kit.merkle import Tree
from pgaudit_kit.policy import Policy
from pgaudit_kit.verify.claims import Claim
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding, Integrity, Proof, Time


@dataclass(slots=True)
class CheckpointLevel:
    """Grows the log's tree with the blocks' headers, and compares it with each claim as it passes."""

    policy: Policy
    findings: Findings
    claims: Sequence[Claim]
    now: datetime
    """The verifier's clock."""
    tree: Tree = field(default_factory=Tree)
    _by_size: dict[int, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    _before_restoration: dict[int, list[Claim]] = field(default_factory=lambda: defaultdict(list))
    """Claims of logs that ended when the database was restored on purpose."""
    _common: int = 0
    """Largest size at which this log is that one."""
    _agreed: Claim | None = None
    _whole: bool = True
    _differs: bool = False
    """Whether the tree has left what was signed; further claims would say the same."""

    def __post_init__(self) -> None:
        """Order the claims, and look for two logs of one size."""
        for claim in self.claims:
            if claim.checkpoint.origin == self.policy.origins[-1]:
                self._by_size[claim.checkpoint.size].append(claim)
            else:
                self._before_restoration[claim.checkpoint.size].append(claim)
        self._find_forks()
        self._compare(self.tree.size)

    def see(self, log_index: int | None, header: str | None) -> None:
        """Take the next block of the log."""
        self._whole = self._whole and log_index == self.tree.size  # else missing or doubled: see level chain
        if not self._whole or header is None:
            self._whole = False
            return
        self.tree.append(header.encode())
        self._compare(self.tree.size)

    def end(self) -> Proof:
        """Judge what lies beyond the log's end, and how old the newest checkpoint is."""
        beyond = [size for size in self._by_size if size > self.tree.size]
        if beyond and self._whole:
            largest = self._by_size[max(beyond)][0]
            self._add(
                "checkpoint-ahead",
                f"{largest.where} holds a signed checkpoint of {largest.checkpoint.size:,} blocks;"
                f" the database's log has {self.tree.size:,}: its end was cut off, or an older copy of it"
                " was put back",
            )
        elif beyond and not self._differs:
            first = self._by_size[min(beyond)][0]
            self._add(
                "checkpoint-mismatch",
                f"the root that was signed over the first {first.checkpoint.size:,} blocks cannot be had:"
                f" block {self.tree.size:,} of the log is missing, or is not where it belongs",
            )
        if self._before_restoration and max(self._before_restoration) > self._common:
            self.findings.note(
                "The database was restored on purpose, as the policy says by naming several origins: up to"
                f" {self._common:,} blocks its log is that of {self.policy.origins[-2]}, which was signed"
                f" up to {max(self._before_restoration):,} blocks."
            )
        newest = self._newest()
        self._judge_age(newest)
        self._judge_quorum(newest)
        return self._proof()

    def _compare(self, size: int) -> None:
        claims, earlier = self._by_size.get(size), self._before_restoration.get(size)
        if not claims and not earlier:
            return
        root = self.tree.root()
        if earlier and any(claim.checkpoint.root == root for claim in earlier):
            self._common = size
        if not claims or self._differs:
            return
        for claim in claims:
            if claim.checkpoint.root == root:
                self._agreed = claim
        other = next((claim for claim in claims if claim.checkpoint.root != root), None)
        if other is not None:
            self._differs = all(claim.checkpoint.root != root for claim in claims)
            agreed = self._agreed.checkpoint.size if self._agreed else 0
            self._add(
                "checkpoint-mismatch",
                f"the first {size:,} blocks give the root {root.hex()}; {other.where} holds"
                f" {other.checkpoint.root.hex()}, signed. Up to {agreed:,} blocks it is as it was signed",
            )

    def _find_forks(self) -> None:
        for size, claims in sorted(self._by_size.items()):
            roots = {claim.checkpoint.root: claim for claim in claims}
            if len(roots) > 1:
                one, other = list(roots.values())[:2]
                self._add(
                    "checkpoint-fork",
                    f"two logs of {size:,} blocks were signed: {one.where} holds"
                    f" {one.checkpoint.root.hex()}, {other.where} holds {other.checkpoint.root.hex()}",
                )

    def _newest(self) -> Claim | None:
        return max(self._current(), key=lambda claim: claim.checkpoint.size, default=None)

    def _current(self) -> Iterator[Claim]:
        return (claim for claims in self._by_size.values() for claim in claims)

    def _judge_age(self, newest: Claim | None) -> None:
        if newest is None:
            self._add(
                "checkpoint-missing",
                f"no checkpoint of {', '.join(self.policy.origins)} was found anywhere: nothing was signed,"
                " or all of it was taken away",
            )
            return
        times = [claim.seen_at for claim in self._current() if claim.seen_at is not None]
        if not times:
            return  # the database's own copies: its clock is not asked
        age = self.now - max(times)
        if age > timedelta(seconds=self.policy.freshness_s):
            self._add(
                "checkpoint-stale",
                f"the newest checkpoint was seen outside the database {str(age).split('.')[0]} ago,"
                f" the policy asks for {self.policy.freshness}: signing stopped, or anchors do not get it",
            )
        if age < -timedelta(hours=1):
            self._add("checkpoint-time", f"an anchor or witness dates a checkpoint {-age} in the future")

    def _judge_quorum(self, newest: Claim | None) -> None:
        if newest is None or not self.policy.quorum:
            return
        cosigned = self._cosigned()
        if not cosigned or self._too_old(max(cosigned)):
            self._add(
                "checkpoint-quorum",
                f"no recent checkpoint was cosigned by {self.policy.quorum} of"
                f" {len(self.policy.witnesses)} witnesses, as the policy asks",
            )

    def _cosigned(self) -> dict[int, frozenset[str]]:
        """The sizes that enough witnesses cosigned, over all copies of each checkpoint."""
        found: dict[tuple[int, bytes], frozenset[str]] = {}
        for claim in self._current():
            key = claim.checkpoint.size, claim.checkpoint.root
            found[key] = found.get(key, frozenset()) | claim.witnesses
        return {
            size: witnesses
            for (size, _), witnesses in found.items()
            if len(witnesses) >= max(1, self.policy.quorum)
        }

    def _too_old(self, size: int) -> bool:
        seen = [claim.seen_at for claim in self._by_size[size] if claim.seen_at and claim.witnesses]
        return not seen or self.now - max(seen) > timedelta(seconds=self.policy.freshness_s)

    def _proof(self) -> Proof:
        """How far what was verified is proved, and by whom."""
        agreed = [
            claim
            for claim in self._current()
            if self._agreed and claim.checkpoint.size <= self._agreed.checkpoint.size
        ]
        cosigned = self._cosigned()
        levels: list[tuple[Integrity, int]] = [
            ("signed", max((claim.checkpoint.size for claim in agreed), default=0)),
            ("anchored", max((claim.checkpoint.size for claim in agreed if claim.anchor), default=0)),
            (
                "witnessed",
                max(
                    (claim.checkpoint.size for claim in agreed if claim.checkpoint.size in cosigned),
                    default=0,
                ),
            ),
        ]
        integrity: Integrity = "self-consistent"
        for level, size in levels:
            if size:
                integrity = level
        time: Time = "asserted"
        if any(claim.seen_at for claim in agreed):
            time = "bracketed"
        if any(claim.timestamped for claim in agreed):
            time = "timestamped"
        return Proof(
            integrity=integrity,
            time=time,
            log_size=self.tree.size,
            signed_size=levels[0][1],
            anchored_size=levels[1][1],
            witnessed_size=levels[2][1],
        )

    def _add(self, kind: str, message: str) -> None:
        self.findings.add(Finding(kind=kind, level="checkpoint", message=message))
