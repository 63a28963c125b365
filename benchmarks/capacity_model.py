"""What the runs of `benchmarks.capacity` say of other loads, and how far that is from each run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Sample = dict[str, Any]


@dataclass(frozen=True)
class Power:
    """A figure is factor x rate ** exponent: a server that sleeps between two events wakes for each."""

    factor: float
    exponent: float

    def at(self, rate: float, tenants: int) -> float:
        """The figure at this many events a second, whoever's they are."""
        return float(self.factor * rate**self.exponent)

    def __str__(self) -> str:
        return f"{self.factor:,.0f} · events^{self.exponent:.2f}"


@dataclass(frozen=True)
class Linear:
    """A figure is rate x event + blocks x block + idle, sealed each second."""

    event: float
    block: float
    idle: float

    def at(self, rate: float, tenants: int) -> float:
        """The figure at this many events a second, evenly of so many tenants."""
        return float(rate * self.event + expected_blocks(rate, tenants) * self.block + self.idle)

    def __str__(self) -> str:
        return f"{self.event:,.1f} · events + {self.block:,.1f} · blocks + {self.idle:,.0f}"


def expected_blocks(rate: float, tenants: int) -> float:
    """Blocks a second: of so many tenants, those that at least one of a second's events belongs to."""
    return float(tenants * (1 - (1 - 1 / tenants) ** rate))


def fit_power(samples: Sequence[Sample], figure: str) -> Power:
    """Least squares of the logarithms: relative errors count alike at each rate."""
    rates = np.log([s["events_s"] for s in samples])
    exponent, intercept = np.polyfit(rates, np.log([s[figure] for s in samples]), 1)
    return Power(float(np.exp(intercept)), float(exponent))


def fit_linear(samples: Sequence[Sample], figure: str) -> Linear:
    """Least squares of relative errors."""
    given = np.array([s[figure] for s in samples])
    causes = np.array([[s["events_s"], expected_blocks(s["events_s"], s["tenants"]), 1] for s in samples])
    solution = np.linalg.lstsq(causes / given[:, None], np.ones(len(given)), rcond=None)[0]
    return Linear(*map(float, solution))


FITS: dict[str, Callable[[Sequence[Sample], str], Power | Linear]] = {
    "server_us_s": fit_power,
    "sealer_us_s": fit_linear,
    "wal_bytes_s": fit_linear,
    "stored_bytes_s": fit_linear,
}


def predictions(samples: Sequence[Sample], figure: str) -> list[dict[str, Any]]:
    """Each run's figure beside what a model of the other runs says of it."""
    told = []
    for number, sample in enumerate(samples):
        others = [other for i, other in enumerate(samples) if i != number]
        predicted = FITS[figure](others, figure).at(sample["events_s"], sample["tenants"])
        measured = sample[figure]
        told.append(
            {
                "events_s": sample["events_s"], "tenants": sample["tenants"], "measured": measured,
                "predicted": predicted, "error": predicted / measured - 1,
            }
        )  # fmt: skip
    return told
