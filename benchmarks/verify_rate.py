"""Events that `pgaudit-kit verify --all` checks a second."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from benchmarks.common import connect, kit, kit_server, one, parser, save


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--events", type=int, default=200_000)
    options.add_argument("--tenants", type=int, default=3)
    given = options.parse_args()
    with kit_server(given.server) as dsn, connect(dsn) as conn:
        conn.execute("CREATE TABLE public.doc (id bigint PRIMARY KEY, tenant text, v text, n int)")
        kit(dsn, "enable", "public.doc", "--tenant-column", "tenant")
        for first in range(0, given.events, 20_000):
            conn.execute(
                "INSERT INTO public.doc SELECT i, 't' || i %% %s, repeat('x', 100), i"
                " FROM generate_series(%s::int, %s::int) AS i",
                [given.tenants, first + 1, min(first + 20_000, given.events)],
            )
            conn.execute("SELECT audit.seal()")
        while one(conn, "SELECT audit.seal()"):
            pass
        conn.execute("VACUUM ANALYZE")
        events = one(conn, "SELECT count(*) FROM audit.change_events")
        before, started = os.times(), time.monotonic()
        command = [sys.executable, "-m", "pgaudit_kit", "--dsn", dsn, "verify", "--all", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise SystemExit(f"verify ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        waited, after = time.monotonic() - started, os.times()
        client = after.children_user + after.children_system - before.children_user - before.children_system
        figures = {
            "events": events,
            "tenants": given.tenants,
            "wall_s": round(waited, 2),
            "client_cpu_s": round(client, 2),
            "events_per_s": round(events / waited),
        }
        save("verify_rate", given.server, conn, figures)


if __name__ == "__main__":
    main()
