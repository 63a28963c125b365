"""The capacity harness in small, and its model's arithmetic."""

from __future__ import annotations

import pytest

from benchmarks.capacity import fit, predictions, run
from benchmarks.capacity_report import PAGE, fill, read_results


def test_the_model_finds_what_an_event_costs_and_what_is_there_without_any() -> None:
    model = fit([(rate, 3000 + 40 * rate) for rate in (250, 500, 4000)])
    assert model.event_us == pytest.approx(40)
    assert model.idle_us == pytest.approx(3000)
    assert model.cores(10_000) == pytest.approx(0.403)
    assert model.rate(0.403) == pytest.approx(10_000)


def test_a_run_is_predicted_from_the_other_runs_alone() -> None:
    samples = [
        {"events_s": rate, "tenants": 1, "server_us_s": spent}
        for rate, spent in ((1000, 50_000), (2000, 100_000), (4000, 400_000))
    ]
    last = predictions(samples, "server")[-1]
    assert last["predicted"] == pytest.approx(0.2)
    assert last["measured"] == pytest.approx(0.4)
    assert last["error"] == pytest.approx(-0.5)


def test_a_short_run_gives_every_figure() -> None:
    result = run("embedded", [200], [1], 2)  # the kernel counts CPU in hundredths of a second
    audited, alone = result["samples"]["pgaudit-kit"][0], result["samples"]["none"][0]
    assert audited["events_s"] > 0 and audited["sealer_us_s"] > 0 and audited["seal_lag_s"] > 0
    assert audited["stored_bytes"] > 0 and audited["p99_us"] >= audited["p50_us"]
    assert alone["sealer_us_s"] == 0 and alone["stored_bytes"] == 0
    page = fill("<!-- figures: loads -->\n<!-- end -->", [result])
    assert f"| 1 | 200 | {audited['events_s']:,.0f} |" in page


def test_the_page_shows_the_results_that_are_stored() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert fill(page, read_results()) == page
