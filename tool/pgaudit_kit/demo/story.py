"""The story, from an empty database to a tampering that is found."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors, sql

from pgaudit_kit.db import Connection
from pgaudit_kit.demo import cms, figures, tampering
from pgaudit_kit.demo.clients import CLIENTS, TRANSACTIONS, Crowd, Work, acting
from pgaudit_kit.demo.kit import SHELL, DemoFailed, Kit
from pgaudit_kit.demo.tampering import Attack
from pgaudit_kit.demo.teller import Teller

TENANT, OTHER_TENANT = "acme", "globex"
ANN, BEN, CARL = cms.email(TENANT, 1), cms.email(TENANT, 2), cms.email(OTHER_TENANT, 3)
SUPERUSER, APPLICATION = "cms=# ", "cms=> "
ADD_COLUMN = sql.SQL("ALTER TABLE cms.articles ADD COLUMN language text;")
BULK = sql.SQL("UPDATE cms.articles SET price = round(price * 1.05, 2) WHERE status = 'published';")
CREATE_AUDITOR = sql.SQL("CREATE ROLE auditor LOGIN IN ROLE pgaudit_kit_auditor;")
READ_LOG = sql.SQL("SELECT * FROM audit.events;")
DELETE_EVENT = sql.SQL("DELETE FROM audit.change_events WHERE event_id = {};")

FIRST_STEPS = (
    (
        ANN,
        "draft",
        "INSERT INTO cms.articles (tenant_id, title, body, price, author_email)"
        " VALUES ('acme', 'Launch', 'We are live.', 10.0, 'member1@acme.example')",
    ),
    (BEN, "publish", "UPDATE cms.articles SET status = 'published' WHERE title = 'Launch'"),
    (ANN, "reprice", "UPDATE cms.articles SET price = 10.00 WHERE title = 'Launch'"),
)
LAST_STEPS = ((BEN, "archive", "UPDATE cms.articles SET status = 'archived' WHERE title = 'Launch'"),)


@dataclass(slots=True)
class Story:
    """The chapters, and what they share."""

    dsn: str
    kit: Kit
    teller: Teller
    dba: Connection
    facts: dict[str, Any] = field(default_factory=dict)

    def install(self) -> None:
        """An empty database, the application's tables, the kit."""
        self.teller.chapter("Install the kit, and name the tables to audit")
        cms.create(self.dba)
        self.teller.typed(SHELL, f"export PGAUDIT_KIT_DSN='{self.dsn}'")
        self.kit.run("install", "--yes")
        columns = ("--tenant-column", "tenant_id", "--personal")
        self.kit.run("enable", "cms.articles", "cms.comments", *columns, "author_email")
        self.kit.run("enable", "cms.memberships", *columns, "email", "--baseline")
        self.teller.say(
            "Personal columns are kept beside the log, where they can be erased; --baseline records\n"
            "the rows that are there already. The application needs no change and no new right."
        )

    def write(self) -> None:
        """Everything that happens to the application's tables, sealed while it happens."""
        self.teller.chapter("Write: an import, the application's clients, an administrator")
        with self.kit.running("seal", "--every", "1") as sealing:
            articles, comments = cms.import_articles(self.dba), cms.import_comments(self.dba)
            self.teller.say(
                f"COPY brings {articles:,} articles and {comments:,} comments from an older system."
            )
            self._take(FIRST_STEPS)
            work = self._crowd()
            self.teller.say(
                "An administrator raises prices by hand and tells the log nothing; it records him too:"
            )
            self._by_hand(BULK)
            self._take(LAST_STEPS)
            while sealing() and not figures.is_sealed(self.dba):
                time.sleep(0.1)  # on a busy machine it may have hardly started
        self.teller.table(figures.reconcile(self.dba, work))
        events, speed = figures.speed(self.dba)
        self.facts["events_per_second"] = round(speed)
        self.teller.say(f"{events:,} events by the application, {speed:,.0f} a second.")

    def read(self) -> dict[str, int]:
        """What an auditor reads; returns which event each step of the article's history is."""
        self.teller.chapter("Read: who did what, for whom, and what was there before")
        self._by_hand(CREATE_AUDITOR, show_status=False)
        with psycopg.connect(self.dsn, user="auditor", autocommit=True) as auditor:
            tenants, total = figures.by_tenant(auditor)
            article = figures.article(auditor, "Launch")
            history, actions = figures.history(auditor, article)
        self.facts["events"] = total
        self.teller.say(
            "What the auditor sees in the view audit.events, by tenant (_system is the kit's own):"
        )
        self.teller.table(tenants)
        self.teller.say(f"The history of article {article:,}; 10.0 to 10.00 is a change too:")
        self.teller.table(history)
        return actions

    def seal_and_verify(self, event: int) -> None:
        """The chain, and the log verified while nobody has touched it."""
        self.teller.chapter("Seal, and verify: every event fixes the one before it")
        self.kit.run("seal")
        self.teller.say(f"The end of {TENANT}'s chain, in the view audit.chain:")
        self.teller.table(figures.chain(self.dba, TENANT))
        self.kit.run("verify", "--all")
        self.facts["verified"] = True
        self.teller.say("Nobody changes the log by mistake or with the application's rights:")
        with cms.connect_application(self.dsn) as application:
            self._refused(application, APPLICATION, READ_LOG)
        self._refused(self.dba, SUPERUSER, DELETE_EVENT.format(sql.Literal(event)))

    def tamper(self, changed: int, deleted: int) -> Attack:
        """A superuser who means it."""
        self.teller.chapter("Tamper: a superuser can switch the protection off")
        attack = tampering.prepare(
            self.dba, changed, deleted, tenant=TENANT, inserted_for=OTHER_TENANT, actor=CARL
        )
        for statement in attack.statements:
            self._by_hand(statement, show_status=False)
        return attack

    def verify_again(self, attack: Attack) -> None:
        """What was done is found, and named."""
        self.teller.chapter("Verify again: what was done is found, and named")
        self.kit.run("verify", "--all", expect=1)
        report = self.kit.run("verify", "--all", "--json", expect=1, show=False)
        events = tampering.named(report.out)
        self.facts["tamperings"] = [
            {
                "what": it.what,
                "tenant": it.tenant,
                "event_id": it.event_id,
                "found_as": events.get(it.event_id),
            }
            for it in attack.tamperings
        ]
        self.teller.say(
            "This demonstration has looked for the three in `verify --all --json`; each is named:\n"
            f"  {tampering.found(attack, events)}"
        )

    def _take(self, steps: tuple[tuple[str, str, str], ...]) -> None:
        with cms.connect_application(self.dsn) as conn:
            for number, (actor, action, query) in enumerate(steps, 1):
                with acting(conn, actor, action, f"launch-{action}-{number}", "198.51.100.7"):
                    conn.execute(query)

    def _crowd(self) -> Work:
        self.teller.say(
            f"{CLIENTS} clients write at once and say with audit.set_context(…) who acts and what is meant.\n"
            "While they do, the table gets a new column, which they use from then on:"
        )
        with self.teller.progress(f"{CLIENTS} clients are writing", TRANSACTIONS) as progress:
            work = Crowd(self.dsn).work(lambda: self._run(ADD_COLUMN), progress)
        self.teller.typed(SUPERUSER, ADD_COLUMN.as_string(self.dba))
        return work

    def _run(self, statement: sql.SQL | sql.Composed) -> str:
        return self.dba.execute(statement).statusmessage or ""

    def _by_hand(self, statement: sql.SQL | sql.Composed, *, show_status: bool = True) -> None:
        self.teller.typed(SUPERUSER, statement.as_string(self.dba))
        status = self._run(statement)
        if show_status:
            self.teller.answer(status)

    def _refused(self, conn: Connection, prompt: str, statement: sql.SQL | sql.Composed) -> None:
        self.teller.typed(prompt, statement.as_string(conn))
        try:
            conn.execute(statement)
        except (errors.InsufficientPrivilege, errors.RestrictViolation) as error:
            self.teller.answer(f"ERROR:  {error.diag.message_primary}")
        else:
            raise DemoFailed(f"The database let through: {statement.as_string(conn)}")


def tell(dsn: str, folder: Path, teller: Teller) -> Mapping[str, Any]:
    """Tell the story on an empty database; `folder` is for the kit's configuration file.

    Returns the facts, for programs. Raises DemoFailed where something does not come true.
    """
    # A file of its own, so that none above the folder, and none of the reader's, takes part.
    (folder / "pgaudit.toml").write_text('schema = "audit"\n', encoding="utf-8")
    with psycopg.connect(dsn, autocommit=True) as dba:
        story = Story(dsn, Kit(dsn, folder, teller), teller, dba)
        story.install()
        story.write()
        actions = story.read()
        story.seal_and_verify(actions["archive"])
        attack = story.tamper(changed=actions["reprice"], deleted=actions["archive"])
        story.verify_again(attack)
        return story.facts
