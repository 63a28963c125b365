"""What the traps share: a database in which everything is done as a user does it, and proved at the end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.capture.helpers import Audited, controls, enable
from tests.kit import Kit, run
from tests.sealing import seal, sealed_once
from tests.servers import Database


@dataclass
class Trap:
    """Install, enable, whatever happens, seal, verify, doctor."""

    db: Database
    kit: Kit = field(init=False)

    def __post_init__(self) -> None:
        """The kit's commands on this database."""
        self.kit = Kit(self.db.dsn)

    def audit(self, ddl: str, *options: str, table: str = "public.t", mode: str = "specialised") -> Audited:
        """Make a table and audit it."""
        self.db.execute(ddl.encode())
        enable(self.db, table, *options)
        return Audited(self.db, table, mode)

    def do(self, *statements: str) -> None:
        """Run statements, each a transaction of its own."""
        for statement in statements:
            self.db.execute(statement.encode())

    def controls(self, kind: str) -> list[dict[str, Any]]:
        """The control events of this kind."""
        return [event for event in controls(self.db) if event["kind"] == kind]

    def proved(self, verdict: str = "ok") -> None:
        """Everything is sealed, once, and verify says yes, or that verdict."""
        self.kit("seal")
        assert 0 in (seal(self.db) for _ in range(4)), "what is sealed is sealed again and again"
        assert sealed_once(self.db)
        answer = self.kit("verify", "--all", "--json", code={"ok": 0, "unknown": 4}[verdict])
        assert answer.json["verdict"] == verdict

    def doctor(self, check: str) -> tuple[str, str]:
        """The level of one check of `doctor`, and what it says."""
        answer = run("--dsn", self.db.dsn, "doctor", "--json").json
        (found,) = [one for one in answer["checks"] if one["name"] == check]
        return found["level"], " ".join(finding["message"] for finding in found["findings"])
