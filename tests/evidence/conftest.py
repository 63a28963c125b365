"""A signed log of several tenants with odd values, and folders of evidence from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pgaudit_kit.signing import generate_key
from tests.conftest import install_kit
from tests.kit import Answer, run
from tests.servers import Database, PgServer

ORIGIN = "audit.example.com/shop"
OTHER = ("secret-neighbour", "their-value")
"""Name of another tenant, and a value in its log."""


@dataclass
class Log:
    """A database with a log of three seals, signed."""

    db: Database
    folder: Path
    count: int = field(default=0)

    def __post_init__(self) -> None:
        self.vkey = generate_key(self.folder / "log.key", ORIGIN).verifier.vkey
        self.policy = self.folder / "policy.toml"
        self.policy.write_text(f'origin = "{ORIGIN}"\nkeys = [{{ vkey = "{self.vkey}" }}]\n')

    def write(self) -> None:
        """Events of two tenants, and a seal."""
        self.count += 1
        for tenant, value in (("acme", "ours"), OTHER):
            for price, title in ((1.10, 'quote " \\ \u2028 \U0001f600 \x7f'), (7, value), ("NaN", "{}")):
                self.db.execute(
                    "INSERT INTO public.doc VALUES (nextval('ids'), %s, %s, %s)", [tenant, title, price]
                )
            self.db.execute("UPDATE public.doc SET price = 2.500 WHERE tenant = %s AND price = 7", [tenant])
            self.db.execute(
                "INSERT INTO public.person VALUES (gen_random_uuid() || '@example.org', %s, '555-0100')",
                [tenant],
            )
        self.db.execute("SELECT audit.seal()")

    def sign(self) -> None:
        """Sign what is sealed."""
        answer = run("--dsn", self.db.dsn, "checkpoint", "--key", str(self.folder / "log.key"))
        assert answer.code == 0, answer.err

    def export(self, name: str, *options: str, tenant: str = "acme", code: int = 0) -> Path:
        """Evidence in a new folder."""
        target = self.folder / name
        answer = self.answer(target, *options, tenant=tenant)
        assert answer.code == code, answer.err + answer.out
        return target

    def answer(self, target: Path, *options: str, tenant: str = "acme") -> Answer:
        """What the command answers."""
        export = ("evidence", "export", "--tenant", tenant, "--policy", str(self.policy))
        return run("--dsn", self.db.dsn, *export, *options, str(target))


@pytest.fixture(scope="session")
def log(server: PgServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    """One log for all tests that leave it as it is."""
    with server.database(server.template("kit", install_kit)) as db:
        yield make_log(db, tmp_path_factory.mktemp("evidence"))


def make_log(db: Database, folder: Path) -> Log:
    """A seal of control events, and three of everything; each signed."""
    db.execute(
        "CREATE SEQUENCE public.ids;"
        "CREATE TABLE public.doc (id integer PRIMARY KEY, tenant text, title text, price numeric);"
        "CREATE TABLE public.person (email text PRIMARY KEY, tenant text, phone text)"
    )
    for table, *personal in (("doc",), ("person", "--personal", "email", "--personal", "phone")):
        answer = run("--dsn", db.dsn, "enable", f"public.{table}", "--tenant-column", "tenant", *personal)
        assert answer.code == 0, answer.err
    made = Log(db, folder)
    db.execute("SELECT audit.seal()")
    made.sign()
    for _ in range(3):
        made.write()
        made.sign()
    return made
