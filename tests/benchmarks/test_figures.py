"""From samples to figures, and from figures to the page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.figures import Result, read_result, read_results
from benchmarks.report import PAGE, fill


def sample(
    contender: str, turn: int, server: float, workload: str = "update", **figures: float
) -> dict[str, Any]:
    return {
        "workload": workload, "connections": 1, "sync": "off", "contender": contender, "round": turn,
        "server_us": server, "client_us": 10.0, **figures,
    }  # fmt: skip


@pytest.fixture
def result(tmp_path: Path) -> Result:
    """Three rounds on a machine that is twice as slow in the second."""
    samples = [
        sample("none", 0, 20), sample("none", 1, 40), sample("none", 2, 21),
        sample("pgaudit-kit", 0, 50, stored_bytes=410), sample("pgaudit-kit", 1, 100, stored_bytes=420),
        sample("pgaudit-kit", 2, 52, stored_bytes=430),
        *(sample("none", turn, 10, "update loop") for turn in range(3)),
        *(sample("pgaudit-kit", turn, 20 + turn / 10, "update loop") for turn in range(3)),
        *(sample("audit-trigger", turn, 30 + turn / 10, "update loop") for turn in range(3)),
        *(sample("none", turn, 10, "bulk update") for turn in range(3)),
        *(sample("pgaudit-kit", turn, 20 + 9 * turn, "bulk update") for turn in range(3)),
        *(sample("audit-trigger", turn, 40, "bulk update") for turn in range(3)),
        sample("audit-trigger", 0, 80), sample("audit-trigger", 1, 160), sample("audit-trigger", 2, 83),
    ]  # fmt: skip
    contenders = [
        {"name": name, "kind": "kit", "base": "none", "note": f"about {name}"}
        for name in ("none", "pgaudit-kit", "audit-trigger")
    ]
    contenders.append(
        {"name": "gone", "kind": "file", "base": "none", "note": "", "unavailable": "no extension"}
    )
    facts = {"postgresql": "18.6", "cpu": "some", "cpus": 2, "memory_gb": 8, "kernel": "6", "revision": "abc"}
    file = tmp_path / "compare-x.json"
    file.write_text(
        json.dumps(
            {
                "facts": {**facts, "taken_at": "2026-01-02T03:04:05", "load_before": [0.1, 0, 0]},
                "options": {"rounds": 3, "seconds": 1},
                "contenders": contenders,
                "samples": samples,
            }
        )
    )
    return read_result(file)


def test_what_a_contender_adds_is_compared_within_the_round(result: Result) -> None:
    figures = result.at("update", "pgaudit-kit")
    assert figures is not None
    assert (figures.lowest, figures.over, figures.highest) == (30, 31, 60)


def test_other_figures_are_medians_of_the_rounds(result: Result) -> None:
    figures = result.at("update", "pgaudit-kit")
    assert figures is not None and figures.get("stored_bytes") == 420


def test_a_table_gives_each_contender_and_its_share_of_the_reference(result: Result) -> None:
    page = fill("a\n<!-- figures: update -->\nold\n<!-- end -->\nz\n", [result])
    assert "old" not in page and page.startswith("a\n") and page.endswith("<!-- end -->\nz\n")
    row = next(line for line in page.splitlines() if line.startswith("| pgaudit-kit |"))
    assert "| 52 + 10 |" in row and "**31** (30 to 60)" in row and "| 0.50 |" in row


def test_a_goal_says_whether_it_is_met(result: Result) -> None:
    page = fill("<!-- figures: goals -->\n<!-- end -->", [result])
    assert "one-row update, at most 0.75 of audit-trigger | 0.50, met |" in page
    assert "at most 400 | 420, missed |" in page
    assert "supa_audit | not measured |" in page


def test_a_goal_stays_open_where_rounds_differ_by_more_than_the_distance_to_it(result: Result) -> None:
    page = fill("<!-- figures: goals -->\n<!-- end -->", [result])
    assert "bulk update of many, at most 0.8 of audit-trigger | 0.63 (0.33 to 0.93), unclear |" in page


def test_a_contender_that_could_not_run_is_named_with_the_reason(result: Result) -> None:
    page = fill("<!-- figures: contenders -->\n<!-- end -->", [result])
    assert "| gone |  | not available: PostgreSQL 18: no extension |" in page


def test_the_page_shows_the_results_that_are_stored() -> None:
    results = read_results()
    page = PAGE.read_text(encoding="utf-8")
    assert fill(page, results, read_results(standby=True)) == page


def test_every_row_of_a_table_has_all_of_its_columns() -> None:
    page = PAGE.read_text(encoding="utf-8")
    tables = [block for block in page.split("\n\n") if block.startswith("|")]
    assert len(tables) > 20
    uneven = [table for table in tables if len({line.count("|") for line in table.splitlines()}) > 1]
    assert uneven == []
