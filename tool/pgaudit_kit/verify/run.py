"""verify(): one snapshot, the levels one after the other, and the report."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field

from pgaudit_kit.chain import Block
from pgaudit_kit.db import Connection, translated
from pgaudit_kit.merkle import Tree
from pgaudit_kit.verify.chain_level import SYSTEM, ChainLevel
from pgaudit_kit.verify.checkpoint_level import CheckpointLevel
from pgaudit_kit.verify.claims import Gathering
from pgaudit_kit.verify.config_changes import ConfigChanges, note_guards_touched
from pgaudit_kit.verify.events_level import EventsLevel
from pgaudit_kit.verify.facts import Facts, read_facts
from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.personal import Personal
from pgaudit_kit.verify.registry import check_registry
from pgaudit_kit.verify.report import (
    LEVELS,
    Level,
    LevelVerdict,
    Progress,
    Proof,
    Report,
    TenantReport,
    Verdict,
)
from pgaudit_kit.verify.resolve import Resolver
from pgaudit_kit.verify.rows import RowsLevels, check_expected
from pgaudit_kit.verify.session import Session, Unreadable, snapshot
from pgaudit_kit.verify.since import begin, tree_at
from pgaudit_kit.verify.structure import check_structure
from pgaudit_kit.verify.tiles import check_tiles
from pgaudit_kit.verify.trust import Trust

_NEEDED = {"change_events", "blocks"}
_OF_ROWS: tuple[Level, ...] = ("completeness", "replay")
_PERSONAL = {"personal_values", "personal_keys"}


def verify(
    conn: Connection,
    schema: str,
    tenants: Sequence[str] | None,
    progress: Progress,
    *,
    trust: Trust | None = None,
    since: int = 0,
) -> Report:
    """Verify the log in `schema`: the given tenants', or everything where `tenants` is None.

    Without `trust` nothing that was signed is looked at. `since` is a size of the log that was signed:
    blocks before it, and their events, are not looked at again. Changes nothing, and needs no right to.
    Raises NotInstalled where there is no log, InsufficientPrivilege where this role cannot see all of it,
    Inconclusive where nothing of the size `since` was signed.
    """
    wanted = None if tenants is None else list(dict.fromkeys(tenants))
    with translated(), snapshot(conn, schema) as session:
        run = _Run(session, Findings(wanted), wanted, progress, trust, since)
        run.usable = check_structure(session, schema, run.findings)
        run.facts = read_facts(session, run.usable, run.findings)
        run.gather()
        run.check_chain()
        run.check_events()
        run.check_rows()
        return run.report()


@dataclass(slots=True)
class _Run:
    session: Session
    findings: Findings
    tenants: list[str] | None
    progress: Progress
    trust: Trust | None = None
    since: int = 0
    signed: Gathering | None = None
    checkpoints: CheckpointLevel | None = None
    proof: Proof = field(default_factory=Proof)
    config: ConfigChanges = field(default_factory=ConfigChanges)
    usable: Set[str] = frozenset()
    facts: Facts = field(init=False)
    chain: ChainLevel = field(init=False)
    events: EventsLevel = field(init=False)
    rows: RowsLevels | None = None
    with_events: set[str] = field(default_factory=set)
    broken_off: set[Level] = field(default_factory=set)
    """Levels that could not be finished."""

    def gather(self) -> None:
        """Read what was signed, before anything is compared with it."""
        if self.trust is None:
            return
        policy = self.trust.policy
        stored = "checkpoints" in self.usable
        self.signed = Gathering.of(
            self.session, policy, self.trust.anchors, self.findings, stored=stored, since=self.since
        )
        tree = tree_at(self.session, self.since, self.signed.claims) if self.since else Tree()
        self.checkpoints = CheckpointLevel(policy, self.findings, self.signed.claims, self.trust.now, tree)

    def check_chain(self) -> None:
        facts = self.facts
        self.chain = ChainLevel(
            self.findings, facts.heads, facts.last_event_id, self.tenants, facts.heads_known
        )
        if "blocks" not in self.usable:
            self.broken_off.add("chain")
            return
        try:
            with self.session.readable():
                self._read_blocks()
        except Unreadable as error:
            self._break_off("chain", error)
        else:
            self.chain.end(facts.log_size)
            if self.checkpoints:
                self.proof = self.checkpoints.end()
                self._check_tiles()
        if SYSTEM in self.chain.chains and not self.chain.seal_sound:
            self.findings.note(
                "The newest seal record is not sound: whether unsealed events are new cannot be told."
            )

    def _check_tiles(self) -> None:
        if "log_tiles" not in self.usable:
            return
        try:
            with self.session.readable():
                check_tiles(self.session, self.since, self.findings)
        except Unreadable as error:
            self._break_off("checkpoint", error)

    def _read_blocks(self) -> None:
        values = {
            "tenants": self.tenants, "since": self.since, "headers": self.checkpoints is not None,
        }  # fmt: skip
        total = self.session.rows("size", values)[0].events
        if self.since:
            begin(self.session, self.since, self.chain)
        done = 0
        self.progress("blocks", 0, total)
        for row in self.session.stream("blocks", values):
            block = Block(**row._asdict())
            self.chain.see(block)
            if row.tenant_id == SYSTEM:
                self.config.see(block)
            if self.checkpoints:
                self.checkpoints.see(row.log_index, row.header)
            done += len(row.event_ids or ())
            self.progress("blocks", min(done, total), total)

    def check_events(self) -> None:
        self.events = EventsLevel(
            self.session, self.facts, self.chain, self.findings, self.tenants, self.since
        )
        if not self.usable >= _NEEDED or "chain" in self.broken_off:
            self.broken_off.add("events")
            return
        self._check_config()
        if self.chain.seals.incarnation and not self.events.same_incarnation:
            self.findings.note(
                "Another copy of the database sealed last (another cluster, database or timeline):"
                " whether unsealed events are new cannot be told before the next seal."
            )
        try:
            with self.session.readable():
                self._read_events()
        except Unreadable as error:
            self._break_off("events", error)
        self._resolve()

    def _check_config(self) -> None:
        try:
            with self.session.readable():
                here = self.events.same_incarnation and not self._uninstalled()
                self.config.seen = "config_seen" in self.usable
                self.config.check(self.session, self.findings, same_incarnation=here)
                if self.chain.is_judged(SYSTEM):
                    note_guards_touched(
                        self.session, self.findings, self.chain.lowest_event_id if self.since else 0
                    )
        except Unreadable as error:
            self._break_off("completeness", error)

    def _uninstalled(self) -> bool:
        """Whether the log's last word is that the kit was taken away, the data kept; and it is away."""
        standing = self.session.rows("standing")
        return bool(standing) and standing[0].kind == "uninstalled" and not standing[0].installed

    def _read_events(self) -> None:
        self.with_events = set() if self.since else self._tenants_with_events()
        personal = Personal(self.events) if self.usable >= _PERSONAL else None
        total = sum(chain.events for chain in self.chain.chains.values())
        for chunk in self.events.chunks(self.progress, total):
            if personal:
                personal.check(chunk)

    def check_rows(self) -> None:
        """Compare the audited tables with their events; what came before `since` is needed for it."""
        if self.since or not self.usable >= {"change_events", "personal_values", "table_versions"}:
            return
        expected = self.trust.policy.tables if self.trust else ()
        if self._uninstalled():
            self.findings.note("The kit was uninstalled: rows are not compared with their events any more.")
            check_expected(self.findings, expected, set())
            return
        self.rows = RowsLevels(
            self.session, self.facts, self.findings, self.events.same_incarnation, expected
        )
        try:
            with self.session.readable():
                check_registry(self.session, self.findings)
            self.rows.run(self.progress)
        except Unreadable as error:
            self._break_off("completeness", error)
            self._break_off("replay", error)

    def _resolve(self) -> None:
        """What was found so far stands, also where the events could not be read to the end."""
        try:
            with self.session.readable():
                self.events.report_strangers()
                Resolver(self.events).run()
        except Unreadable as error:
            self._break_off("events", error)
            for suspect in self.events.suspects:
                self.findings.add_omitted(1, level="events", tenant_id=suspect.tenant_id)

    def _tenants_with_events(self) -> set[str]:
        found = {row.tenant_id for row in self.session.rows("tenants")}
        return found if self.tenants is None else found & set(self.tenants)

    def _break_off(self, level: Level, error: Unreadable) -> None:
        self.broken_off.add(level)
        self.findings.note(f"Level {level} could not be finished: {error.message}")

    def report(self) -> Report:
        known = {name for name, chain in self.chain.chains.items() if chain.blocks or chain.missing_blocks}
        known |= self.with_events
        names = sorted(known) if self.tenants is None else self.tenants
        reports = tuple(self._tenant(name, known) for name in names)
        return Report(
            verdict=self._verdict(reports),
            tenants=reports,
            findings=self.findings.sorted(),
            findings_omitted=self.findings.omitted,
            notes=tuple(self.findings.notes),
            proof=self.proof,
            since=self.since,
            tables_expected=len(self.trust.policy.tables) if self.trust else 0,
        )

    def _tenant(self, name: str, known: set[str]) -> TenantReport:
        if name not in known and not self.broken_off:
            self.findings.note("There is no such tenant: no event and no block is its.", tenant_id=name)
        chain, tally = self.chain.chains.get(name), self.events.tallies[name]
        sealed = bool(chain and (chain.blocks or chain.missing_blocks))
        if name in known and not sealed and "chain" not in self.broken_off:
            self.findings.note("Nothing of this tenant is sealed yet.", tenant_id=name)
        verdicts: dict[Level, LevelVerdict] = dict.fromkeys(LEVELS, "not_run")
        verdicts["chain"] = self._level(name, "chain", known=sealed)
        judgeable = self.chain.seal_sound or not tally.unsealed
        verdicts["events"] = self._level(name, "events", known=sealed and judgeable)
        if self.signed:
            readable = not self.signed.unread and not self.broken_off & {"chain", "checkpoint"}
            verdicts["checkpoint"] = self._level(name, "checkpoint", known=sealed and readable)
        if self.rows:
            for level in _OF_ROWS:
                doubt = self.rows.unknown[level] & {name, None}
                verdicts[level] = self._level(name, level, known=not doubt)
        oldest = tally.oldest_unsealed
        return TenantReport(
            tenant_id=name,
            levels=verdicts,
            checked=tally.checked,
            sealed=chain.events if chain else 0,
            unsealed=tally.unsealed,
            oldest_unsealed_s=None if oldest is None else max(0.0, self.facts.now.timestamp() - oldest),
            erased=tally.erased,
            not_covered=self.rows.not_covered[name] if self.rows else None,
            first_broken_block=self.findings.first_broken_block(name),
        )

    def _level(self, tenant_id: str, level: Level, *, known: bool) -> LevelVerdict:
        if self.findings.failed(tenant_id, level):
            return "failed"
        return "ok" if known and level not in self.broken_off else "unknown"

    def _verdict(self, reports: Iterable[TenantReport]) -> Verdict:
        if self.findings.any():
            return "failed"
        # Where everything is verified, a tenant that has only begun to write since the last seal is no doubt.
        chains = self.chain.chains
        judged = [one for one in reports if self.tenants is not None or one.tenant_id in chains]
        if self.broken_off or not judged:
            return "unknown"
        return "unknown" if any(one.verdict == "unknown" for one in judged) else "ok"
