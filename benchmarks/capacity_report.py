"""Write the figures into docs/explanation/capacity.md: `python -m benchmarks.capacity_report`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.capacity import Model, fit, predictions
from benchmarks.common import RESULTS
from benchmarks.report import MARK
from benchmarks.report import PAGE as _PERFORMANCE

PAGE = _PERFORMANCE.with_name("capacity.md")
DAY = 86_400
Result = dict[str, Any]


def read_results() -> list[Result]:
    """The results there are."""
    files = [RESULTS / f"capacity-{name}.json" for name in ("local", "embedded")]
    return [json.loads(file.read_text()) for file in files if file.is_file()]


def fill(page: str, results: Sequence[Result]) -> str:
    """The page with these results between its marks."""

    def block(match: re.Match[str]) -> str:
        parts = [f"{_label(result)}:\n\n{BLOCKS[match[2]](result)}" for result in results]
        return f"{match[1]}\n" + ("\n".join(parts) or "Not measured.\n") + f"\n{match[3]}"

    return MARK.sub(block, page)


def _label(result: Result) -> str:
    facts = result["facts"]
    return (
        f"PostgreSQL {facts['postgresql']} on {facts['cpus']} CPUs ({facts['cpu']}),"
        f" revision {facts['revision']}, load before {facts['load_before'][0]}"
    )


def _rows(header: str, rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {header} |", "|---:" * (header.count("|") + 1) + "|"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)]) + "\n"


def _loads(result: Result) -> str:
    return _rows(
        "tenants | asked, 1/s | events/s | backends, cores | sealer, cores | WAL, bytes/event"
        " | stored, bytes/event | blocks/s | seal lag, s | p50, ms | p99, ms",
        [
            [
                str(s["tenants"]), str(s["rate"] or "most"), f"{s['events_s']:,.0f}",
                f"{s['server_us_s'] / 1e6:.3f}", f"{s['sealer_us_s'] / 1e6:.3f}", f"{s['wal_bytes']:,.0f}",
                f"{s['stored_bytes']:,.0f}", f"{s['blocks_s']:,.0f}", f"{s['seal_lag_s']:.2f}",
                f"{s['p50_us'] / 1e3:.2f}", f"{s['p99_us'] / 1e3:.2f}",
            ]
            for s in result["samples"]["pgaudit-kit"]
        ],
    )  # fmt: skip


def _models(result: Result) -> dict[str, Model]:
    base, kit = result["samples"]["none"], result["samples"]["pgaudit-kit"]
    one = [s for s in kit if s["tenants"] == 1]
    given = {"change alone": (base, "server"), "change with capture": (one, "server")}
    given |= {
        f"seal, {n} tenants": ([s for s in kit if s["tenants"] == n], "sealer")
        for n in sorted({s["tenants"] for s in kit})
    }
    return {
        name: fit([(s["events_s"], s[f"{part}_us_s"]) for s in samples])
        for name, (samples, part) in given.items()
    }


def _model(result: Result) -> str:
    rows = [[name, f"{m.event_us:.1f}", f"{m.idle_us / 1000:.1f}"] for name, m in _models(result).items()]
    return _rows("part | µs of CPU an event | ms of CPU a second besides", rows)


def _errors(result: Result) -> str:
    rows = []
    for n in sorted({s["tenants"] for s in result["samples"]["pgaudit-kit"]}):
        samples = [s for s in result["samples"]["pgaudit-kit"] if s["tenants"] == n]
        for part in ("server", "sealer"):
            rows += [
                [
                    part, str(n), f"{told['events_s']:,.0f}", f"{told['measured']:.3f}",
                    f"{told['predicted']:.3f}", f"{told['error']:+.0%}",
                ]
                for told in predictions(samples, part)
            ]  # fmt: skip
    return _rows("part | tenants | events/s | measured, cores | predicted from the others | error", rows)


def _plan(result: Result) -> str:
    models = _models(result)
    kit = [s for s in result["samples"]["pgaudit-kit"] if s["rate"]]
    tenants = max(s["tenants"] for s in kit)
    some = [s for s in kit if s["tenants"] == tenants] or kit
    stored = sum(s["stored_bytes"] for s in some) / len(some)
    wal = sum(s["wal_bytes"] for s in some) / len(some)
    rows = []
    for rate in (100, 1000, 10_000):
        capture = models["change with capture"].cores(rate)
        sealing = models[f"seal, {tenants} tenants"].cores(rate)
        rows.append(
            [
                f"{rate:,}", f"{capture:.2f}", f"{sealing:.2f}", f"{rate * stored * DAY / 1e9:,.0f}",
                f"{rate * wal / 1e6:,.1f}", f"{rate * DAY / 1e6:,.0f}",
            ]
        )  # fmt: skip
    return _rows(
        "events/s | backends, cores | sealer, cores | stored, GB/day | WAL, MB/s | million rows a day",
        rows,
    )


BLOCKS: dict[str, Callable[[Result], str]] = {
    "loads": _loads, "model": _model, "errors": _errors, "plan": _plan,
}  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")
    print(PAGE)
