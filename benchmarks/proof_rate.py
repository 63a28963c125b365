"""How long proofs of a long log take: signing, verification by SQL and by files; and in how much memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.common import connect, kit, kit_server, one, parser, save

ORIGIN = "benchmark.example/log"
BATCH = 20_000
STEPS = 20
"""Checkpoints on the way; the last of them but one is where the incremental run begins."""


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--events", type=int, default=5_000_000)
    options.add_argument("--tenants", type=int, default=50)
    given = options.parse_args()
    with kit_server(given.server) as dsn, tempfile.TemporaryDirectory() as name, connect(dsn) as conn:
        folder = Path(name)
        sizes = fill(dsn, folder, given.events, given.tenants)
        conn.execute("VACUUM ANALYZE")
        events = one(conn, "SELECT count(*) FROM audit.change_events")
        policy = ["--policy", str(folder / "policy.toml")]
        figures: dict[str, Any] = {
            "events": events,
            "blocks": one(conn, "SELECT log_size FROM audit.seal_state"),
            "checkpoints": len(sizes),
            "sign again from nothing": signing(dsn, folder),
            "verify --all": timed(events, dsn, "verify", "--all", "--json"),
            "verify --all --policy": timed(events, dsn, "verify", "--all", *policy, "--json"),
            "verify --since, the last twentieth": timed(
                events // STEPS, dsn, "verify", "--all", *policy, "--since", str(sizes[-2]), "--json"
            ),
        }
        figures |= offline(dsn, folder, policy)
        save("proof_rate", given.server, conn, figures)


def fill(dsn: str, folder: Path, events: int, tenants: int) -> list[int]:
    """Write the log, and sign it on the way; returns the sizes that were signed."""
    (folder / "policy.toml").touch()
    config = folder / "pgaudit.toml"
    anchor = f'[[anchors]]\ntype = "folder"\nname = "worm"\npath = "{folder / "worm"}"\n'
    config.write_text(f'[signing]\norigin = "{ORIGIN}"\nkey = "log.key"\n{anchor}')
    kit(dsn, "key", "generate", ORIGIN, "--key", str(folder / "log.key"))
    with connect(dsn) as conn:
        conn.execute("CREATE TABLE public.doc (id bigint PRIMARY KEY, tenant text, v text, n int)")
        kit(dsn, "enable", "public.doc", "--tenant-column", "tenant")
        sizes = []
        for first in range(0, events, BATCH):
            conn.execute(
                "INSERT INTO public.doc SELECT i, 't' || i %% %s, repeat('x', 100), i"
                " FROM generate_series(%s::int, %s::int) AS i",
                [tenants, first + 1, min(first + BATCH, events)],
            )
            conn.execute("SELECT audit.seal()")
            if (first // BATCH + 1) % max(1, events // BATCH // STEPS) == 0 or first + BATCH >= events:
                kit(dsn, "--config", str(config), "checkpoint")
                sizes.append(one(conn, "SELECT max(size) FROM audit.checkpoints"))
    vkey = subprocess.run(
        [sys.executable, "-m", "pgaudit_kit", "key", "show", "--key", str(folder / "log.key")],
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip
    (folder / "policy.toml").write_text(f'origin = "{ORIGIN}"\n[[keys]]\nvkey = "{vkey}"\n{anchor}')
    return sorted(set(sizes))


def signing(dsn: str, folder: Path) -> dict[str, Any]:
    """Sign the whole log anew, as after the loss of the signer's state."""
    (folder / "log.key.state").unlink()
    with connect(dsn) as conn:
        blocks = one(conn, "SELECT log_size FROM audit.seal_state")
    started = time.monotonic()
    kit(dsn, "--config", str(folder / "pgaudit.toml"), "checkpoint")
    return {"blocks": blocks, "wall_s": round(time.monotonic() - started, 2)}


def offline(dsn: str, folder: Path, policy: list[str]) -> dict[str, Any]:
    """Export one tenant's evidence, and verify it without the database."""
    evidence = folder / "evidence"
    exported = timed(0, dsn, "evidence", "export", "--tenant", "t1", *policy, str(evidence))
    with (evidence / "events.jsonl").open("rb") as file:
        events = sum(1 for _ in file)
    verifier = [str(evidence / "verify_evidence.py"), str(evidence)]
    return {
        "evidence export, one tenant": exported | {"events": events},
        "verify_evidence.py": run(verifier, events),
        "verify --offline": timed(events, dsn, "verify", "--offline", str(evidence)),
    }


def timed(events: int, dsn: str, *command: str) -> dict[str, Any]:
    """Run a command of the kit in a process of its own."""
    return run(["-m", "pgaudit_kit", "--dsn", dsn, *command], events)


WATCHED = """
import atexit, runpy, sys
_, peak, *sys.argv = sys.argv
def keep():
    with open("/proc/self/status") as status, open(peak, "w") as file:
        file.writelines(line.split()[1] for line in status if line.startswith("VmHWM:"))
atexit.register(keep)
if sys.argv[0] == "-m":
    del sys.argv[0]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
else:
    runpy.run_path(sys.argv[0], run_name="__main__")
"""
"""Runs a module or a file, and writes down at the end how much memory it had at most, in KB.

What wait4() says counts the memory of whoever started the process, too.
"""


def run(command: list[str], events: int) -> dict[str, Any]:
    """Wall time, CPU time and largest memory of a Python program that must succeed."""
    with (
        tempfile.TemporaryFile("w+") as out,
        tempfile.TemporaryFile("w+") as err,
        tempfile.NamedTemporaryFile("r") as peak,
    ):
        started = time.monotonic()
        arguments = [sys.executable, "-I", "-c", WATCHED, peak.name, *command]
        process = subprocess.Popen(arguments, stdout=out, stderr=err)
        _, status, used = os.wait4(process.pid, 0)
        waited = time.monotonic() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        err.seek(0)
        said, memory_kb = out.read(), int(peak.read())
        if process.returncode:
            raise SystemExit(
                f"{command} ended with {process.returncode}:\n{said[-2000:]}{err.read()[-2000:]}"
            )
    figures: dict[str, Any] = {
        "wall_s": round(waited, 2),
        "client_cpu_s": round(used.ru_utime + used.ru_stime, 2),
        "client_memory_mb": round(memory_kb / 1024),
    }
    if events:
        figures |= {"events": events, "events_per_s": round(events / waited)}
    if said.startswith("{"):
        figures["verdict"] = json.loads(said).get("verdict")
    return figures


if __name__ == "__main__":
    main()
