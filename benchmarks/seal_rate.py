"""Events that one seal puts into blocks a second of CPU: one big tenant, then a thousand."""

from __future__ import annotations

import os
import time
from typing import Any

from benchmarks.common import connect, cpu_us, kit, kit_server, one, parser, save


def measure(dsn: str, events: int, tenants: int) -> dict[str, Any]:
    with connect(dsn) as conn, connect(dsn) as writer:
        writer.execute(
            "INSERT INTO public.doc SELECT nextval('public.ids'), 't' || i %% %s, repeat('x', 100), i"
            " FROM generate_series(1, %s::int) AS i",
            [tenants, events],
        )
        size = one(conn, "SELECT log_size FROM audit.seal_state")
        pid, started = conn.info.backend_pid, time.monotonic()
        before = cpu_us(pid)
        sealed = one(conn, "SELECT audit.seal()")
        spent, waited = (cpu_us(pid) - before) / 1e6, time.monotonic() - started
        blocks = one(conn, "SELECT log_size FROM audit.seal_state") - size
    return {
        "events": sealed,
        "blocks": blocks,
        "cpu_s": round(spent, 2),
        "wall_s": round(waited, 2),
        "events_per_cpu_s": round(sealed / spent),
    }


def idle(dsn: str, seals: int = 200) -> float:
    """CPU milliseconds of a seal that finds nothing."""
    with connect(dsn) as conn:
        before = cpu_us(conn.info.backend_pid)
        for _ in range(seals):
            conn.execute("SELECT audit.seal()")
        return round((cpu_us(conn.info.backend_pid) - before) / seals / 1000, 2)


def small(dsn: str, seals: int = 100) -> float:
    """CPU milliseconds of a seal with one event."""
    with connect(dsn) as conn, connect(dsn) as writer:
        spent = 0.0
        for _ in range(seals):
            writer.execute("INSERT INTO public.doc VALUES (nextval('public.ids'), 'small', 'x', 1)")
            before = cpu_us(conn.info.backend_pid)
            conn.execute("SELECT audit.seal()")
            spent += cpu_us(conn.info.backend_pid) - before
        return round(spent / seals / 1000, 2)


def main() -> None:
    options = parser(__doc__)
    options.add_argument("--events", type=int, default=200_000)
    given = options.parse_args()
    with kit_server(given.server) as dsn:
        with connect(dsn) as conn:
            conn.execute("CREATE SEQUENCE public.ids")
            conn.execute("CREATE TABLE public.doc (id bigint PRIMARY KEY, tenant text, v text, n int)")
        kit(dsn, "enable", "public.doc", "--tenant-column", "tenant")
        measure(dsn, 5000, 1)
        figures = {
            "one tenant": measure(dsn, given.events, 1),
            "1,000 tenants": measure(dsn, given.events, 1000),
            "10,000 tenants": measure(dsn, given.events, 10_000),
            "idle seal, cpu_ms": idle(dsn),
            "seal of one event, cpu_ms": small(dsn),
        }
        with connect(dsn) as conn:
            save("seal_rate", given.server, conn, figures)


if __name__ == "__main__":
    os.environ.setdefault("NO_COLOR", "1")
    main()
