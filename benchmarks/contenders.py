"""Who is measured: nothing, the kit in each of its settings, other tools, and a chain in the trigger."""

from __future__ import annotations

import subprocess
import tempfile
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import connect, kit
from benchmarks.packages import environment
from benchmarks.servers import Programs
from benchmarks.workloads import TABLES, WITH_TENANT

HERE = Path(__file__).parent
ROW_BY_ROW = ("loop", "update", "insert", "delete")
SET_CONTEXT = "SELECT audit.set_context(actor_id => 'u1', action => 'edit', request_id => 'r1');"


class Unavailable(Exception):
    """This contender cannot run on this server; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Somebody who audits the tables of a database. `storage`: LIKE patterns of schema.relation."""

    name: str
    kind: str
    prepare: Callable[[Programs, str], None]
    storage: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    base: str = "none"
    only: tuple[str, ...] = ()
    note: str = ""

    def takes(self, workload: str, first: bool = True) -> bool:
        """Whether it has something of its own to show there; `first`: with the fewest connections."""
        return not self.only or (first and workload in self.only)


def _nothing(_programs: Programs, _dsn: str) -> None:
    pass


def _kit(options: str = "", *, generic: bool = False) -> Callable[[Programs, str], None]:
    """The kit on all tables; `options` are lines of a table's configuration."""

    def prepare(_programs: Programs, dsn: str) -> None:
        entries = []
        for table in TABLES:
            tenant = 'tenant = { column = "tenant_id" }\n' if table in WITH_TENANT else ""
            own = options if table.endswith("13") else ""
            entries.append(f'[[tables]]\nname = "public.{table}"\n{tenant}{own}\n')
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder, "pgaudit.toml")
            file.write_text("\n".join(entries))
            try:
                kit(dsn, "--config", str(file), "install", "--yes")
            except SystemExit as error:
                raise Unavailable(_last_line(str(error))) from None
        if generic:
            with connect(dsn) as conn:
                conn.execute(
                    "SELECT audit.use_generic_capture(t.table_id, t.table_version)"
                    " FROM audit.audited_tables AS t"
                )

    return prepare


def _chain(programs: Programs, dsn: str) -> None:
    run_file(programs, dsn, HERE / "sql" / "locked_chain.sql")
    with connect(dsn) as conn:
        for table in TABLES:
            conn.execute(
                f"CREATE TRIGGER chain AFTER INSERT OR UPDATE OR DELETE ON public.{table}"
                " FOR EACH ROW EXECUTE FUNCTION chain.tg_append()"
            )


def run_file(programs: Programs, dsn: str, file: Path, **variables: object) -> None:
    """Run a script with psql, from the folder it is in."""
    given = [word for name, value in variables.items() for word in ("-v", f"{name}={value}")]
    command = [programs.path("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", *given, "-d", dsn, "-f", file.name]
    done = subprocess.run(
        command, cwd=file.parent, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode:
        raise Unavailable(f"{file.name}: {_last_line(done.stderr)}")


def _package(package: str) -> Callable[[Programs, str], None]:
    """A tool from PyPI, which sets itself up from an environment of its own."""

    def prepare(_programs: Programs, dsn: str) -> None:
        script = HERE / "peers" / f"set_up_{package.replace('-', '_')}.py"
        done = subprocess.run(
            [environment(), str(script), dsn, *TABLES], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise Unavailable(f"{package}: {_last_line(done.stderr)}")

    return prepare


def _file_peer(file: Path, entry: dict[str, object]) -> Callable[[Programs, str], None]:
    """A tool whose SQL the reader has obtained."""

    def lines(name: str) -> Sequence[str]:
        given = entry.get(name, [])
        return [given] if isinstance(given, str) else given  # type: ignore[return-value]

    def prepare(programs: Programs, dsn: str) -> None:
        import psycopg

        try:
            with connect(dsn) as conn:
                for line in lines("before"):
                    conn.execute(line)
            run_file(programs, dsn, file)
            with connect(dsn) as conn:
                for line in lines("after"):
                    conn.execute(line)
                for table in TABLES:
                    for line in lines("start"):
                        conn.execute(line.replace("{table}", table))
                for line in lines("started"):
                    conn.execute(line)
        except psycopg.Error as error:
            raise Unavailable(str(error).strip().splitlines()[0]) from None

    return prepare


def _last_line(said: str) -> str:
    lines = [
        line
        for line in said.strip().splitlines()
        if "ERROR" in line or "Error" in line or line.startswith("error[")
    ]
    return (lines or said.strip().splitlines() or ["it failed and said nothing"])[-1]


def contenders(peers: dict[str, Path], peers_file: Path | None = None) -> dict[str, Contender]:
    """All contenders by name, in the order of the tables."""
    known = tomllib.loads((HERE / "peers" / "peers.toml").read_text())
    if peers_file is not None:
        known |= tomllib.loads(peers_file.read_text())
    if strange := set(peers) - set(known):
        raise SystemExit(f"no [{min(strange)}] in benchmarks/peers/peers.toml; add one with --peers-file")
    audit = ("audit.%",)
    found = [
        Contender(name="none", kind="none", prepare=_nothing, note="no audit"),
        Contender(
            name="none, in a block", kind="none", prepare=_nothing, before=("BEGIN;", "SELECT 1;"),
            after=("COMMIT;",), only=("update",),
            note="BEGIN, SELECT 1, the statement, COMMIT: what set_context is compared with",
        ),
        Contender(name="pgaudit-kit", kind="kit", prepare=_kit(), storage=audit),
        Contender(
            name="kit, bulk", kind="kit", prepare=_kit("bulk = true"), storage=audit, only=("bulk",),
            note="tables declared `bulk = true`",
        ),
        Contender(
            name="kit, generic", kind="kit", prepare=_kit(generic=True), storage=audit,
            only=(*ROW_BY_ROW, "wide", "bulk"),
            note="the function that stands in after DDL, until the next apply",
        ),
        Contender(
            name="kit, set_context", kind="kit", prepare=_kit(), storage=audit, base="none, in a block",
            before=("BEGIN;", SET_CONTEXT), after=("COMMIT;",), only=("update",),
            note="with set_context (three fields) in each transaction",
        ),
        Contender(
            name="kit, personal", kind="kit", prepare=_kit('personal = ["a"]'), storage=audit,
            only=ROW_BY_ROW, note="one of the changed columns is personal",
        ),
        Contender(
            name="kit, exclude", kind="kit", prepare=_kit('exclude = ["a"]'), storage=audit,
            only=ROW_BY_ROW, note="one of the changed columns is not recorded",
        ),
        Contender(
            name="kit, operations", kind="kit", prepare=_kit('operations = ["delete", "truncate"]'),
            storage=audit, only=("loop", "update", "insert"), note="only delete and truncate are recorded",
        ),
        Contender(
            name="django-pghistory", kind="package", prepare=_package("django-pghistory"),
            storage=("public.%event",),
        ),
        Contender(
            name="PostgreSQL-Audit", kind="package", prepare=_package("postgresql-audit"), storage=audit,
        ),
        *(
            Contender(
                name=name, kind="file", prepare=_file_peer(file, known[name]),
                storage=tuple(known[name]["storage"]), note=file.name,
            )
            for name, file in peers.items()
        ),
        Contender(
            name="locked chain", kind="chain", prepare=_chain, storage=("chain.%",),
            note="a hash chain for each tenant in the trigger, as tutorials build it",
        ),
    ]  # fmt: skip
    return {contender.name: contender for contender in found}
