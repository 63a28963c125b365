"""The capacity harness in small, and its model's arithmetic."""

from __future__ import annotations

import math
from typing import Any

import pytest

from benchmarks.capacity import run
from benchmarks.capacity_model import Linear, expected_blocks, fit_linear, fit_power, predictions
from benchmarks.capacity_report import PAGE, fill, read_results


def sample(rate: float, tenants: int, **figures: float) -> dict[str, Any]:
    return {"events_s": rate, "tenants": tenants, **figures}


def test_blocks_are_those_of_the_tenants_that_wrote():
    assert expected_blocks(1_000, 1) == 1
    assert expected_blocks(1, 1_000) == pytest.approx(1)
    assert expected_blocks(1_000, 1_000) == pytest.approx(1_000 * (1 - math.exp(-1)), rel=1e-3)
    assert expected_blocks(100_000, 1_000) == pytest.approx(1_000)


def test_the_models_find_what_the_runs_were_made_of():
    law = Linear(event=7.0, block=90.0, idle=3_000.0)
    runs = [
        sample(rate, n, sealer_us_s=law.at(rate, n), server_us_s=800 * rate**0.75)
        for n in (1, 100, 1_000)
        for rate in (250, 1_000, 4_000)
    ]
    linear = fit_linear(runs, "sealer_us_s")
    assert [linear.event, linear.block, linear.idle] == pytest.approx([7, 90, 3_000])
    power = fit_power(runs, "server_us_s")
    assert [power.factor, power.exponent] == pytest.approx([800, 0.75])


def test_a_run_is_predicted_from_the_other_runs_alone():
    runs = [
        sample(rate, 1, server_us_s=spent)
        for rate, spent in ((1000, 50_000), (2000, 100_000), (4000, 400_000))
    ]
    last = predictions(runs, "server_us_s")[-1]
    assert last["predicted"] == pytest.approx(200_000)
    assert last["measured"] == 400_000
    assert last["error"] == pytest.approx(-0.5)


def test_a_short_run_gives_every_figure() -> None:
    result = run("embedded", [200], [3], 2, 1)  # the kernel counts CPU in hundredths of a second
    audited, alone = result["samples"]["pgaudit-kit"][0], result["samples"]["none"][0]
    assert audited["events_s"] > 0 and audited["sealer_us_s"] > 0 and audited["seal_lag_s"] > 0
    # a block a second for each tenant and for what the kit itself records, whole seals in the window or not
    assert 0 < audited["blocks_s"] <= 8
    assert audited["stored_bytes_s"] > 0 and audited["p99_us"] >= audited["p50_us"]
    assert alone["sealer_us_s"] == 0 and alone["stored_bytes_s"] == 0
    page = fill("<!-- figures: loads -->\n<!-- end -->", [result])
    assert f"| 3 | 200 | {audited['events_s']:,.0f} |" in page


def test_the_page_shows_the_results_that_are_stored() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert fill(page, read_results()) == page
