"""Write the figures into docs/explanation/capacity.md: `python -m benchmarks.capacity_report`."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from benchmarks.capacity_model import FITS, Linear, Power, predictions
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
        "tenants | asked, 1/s | events/s | backends, cores | spread | sealer, cores | WAL, bytes/event"
        " | stored, bytes/event | blocks/s | seal lag, s | p50, ms | p99, ms",
        [
            [
                f"{s['tenants']:,}" if audited else "no audit", str(s["rate"] or "most"),
                f"{s['events_s']:,.0f}", f"{s['server_us_s'] / 1e6:.3f}", f"{s['server_spread']:.0%}",
                f"{s['sealer_us_s'] / 1e6:.3f}", f"{s['wal_bytes_s'] / s['events_s']:,.0f}",
                f"{s['stored_bytes_s'] / s['events_s']:,.0f}", f"{s['blocks_s']:,.0f}",
                f"{s['seal_lag_s']:.2f}", f"{s['p50_us'] / 1e3:.2f}", f"{s['p99_us'] / 1e3:.2f}",
            ]
            for audited, name in enumerate(("none", "pgaudit-kit"))
            for s in result["samples"][name]
        ],
    )  # fmt: skip


FIGURES = {
    "backends, CPU": ("server_us_s", "µs", 1e6, "cores"),
    "sealer, CPU": ("sealer_us_s", "µs", 1e6, "cores"),
    "WAL": ("wal_bytes_s", "bytes", 1e6, "MB/s"),
    "stored": ("stored_bytes_s", "bytes", 1e6, "MB/s"),
}
"""Where each stands in a sample, what it is counted in there, and in a table, by how much."""


def _models(result: Result) -> dict[str, Power | Linear]:
    kit = result["samples"]["pgaudit-kit"]
    return {figure: FITS[figure](kit, figure) for figure, *_ in FIGURES.values()}


def _model(result: Result) -> str:
    without = FITS["server_us_s"](result["samples"]["none"], "server_us_s")
    rows = [["backends, CPU, without audit", "µs", str(without)]]
    rows += [
        [name, unit, str(model)]
        for (name, (_, unit, *_)), model in zip(FIGURES.items(), _models(result).values(), strict=True)
    ]
    return _rows("figure | a second | is", rows)


def _errors(result: Result) -> str:
    rows = [
        [
            f"{name}, {unit}", f"{told['tenants']:,}", f"{told['events_s']:,.0f}",
            f"{told['measured'] / scale:.3f}", f"{told['predicted'] / scale:.3f}", f"{told['error']:+.0%}",
        ]
        for name, (figure, _, scale, unit) in FIGURES.items()
        for told in predictions(result["samples"]["pgaudit-kit"], figure)
    ]  # fmt: skip
    return _rows("figure | tenants | events/s | measured | predicted from the others | error", rows)


def _plan(result: Result) -> str:
    models = _models(result)
    rows = []
    for tenants in sorted({s["tenants"] for s in result["samples"]["pgaudit-kit"]}):
        for rate in (100, 1000, 10_000):
            at = {figure: model.at(rate, tenants) for figure, model in models.items()}
            rows.append(
                [
                    f"{rate:,}", f"{tenants:,}", f"{at['server_us_s'] / 1e6:.2f}",
                    f"{at['sealer_us_s'] / 1e6:.2f}", f"{at['stored_bytes_s'] * DAY / 1e9:,.0f}",
                    f"{at['wal_bytes_s'] / 1e6:,.1f}", f"{rate * DAY / 1e6:,.0f}",
                ]
            )  # fmt: skip
    return _rows(
        "events/s | tenants | backends, cores | sealer, cores | stored, GB/day | WAL, MB/s"
        " | million events a day",
        rows,
    )


BLOCKS: dict[str, Callable[[Result], str]] = {
    "loads": _loads, "model": _model, "errors": _errors, "plan": _plan,
}  # fmt: skip


if __name__ == "__main__":
    PAGE.write_text(fill(PAGE.read_text(encoding="utf-8"), read_results()), encoding="utf-8")
    print(PAGE)
