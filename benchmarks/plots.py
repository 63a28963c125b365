"""Plots of the page, as SVG that is the same for the same figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt

from benchmarks.figures import Figures, Result

OURS, OTHERS = "#1f6feb", "#8c959f"
STYLE: Any = {"svg.hashsalt": "pgaudit-kit", "svg.fonttype": "none", "font.size": 9, "axes.spines.top": False,
         "axes.spines.right": False}  # fmt: skip


def draw(results: Sequence[Result], folder: Path) -> list[Path]:
    """All plots; returns the files."""
    with plt.rc_context(STYLE):
        return [
            _bars(results, "over", "CPU over no audit, µs a change", folder / "performance-cpu.svg"),
            _bars(results, "stored_bytes", "bytes stored a change", folder / "performance-bytes.svg"),
            _throughput(results, folder / "performance-throughput.svg"),
        ]


def _bars(results: Sequence[Result], figure: str, title: str, file: Path) -> Path:
    workloads = [
        name for name in ("update loop", "insert loop", "delete loop") if any(r.cell(name) for r in results)
    ]
    canvas, axes = plt.subplots(
        len(results),
        len(workloads),
        figsize=(4 * len(workloads), 3.2 * len(results)),
        squeeze=False,
        sharex="col",
    )
    for result, row in zip(results, axes, strict=True):
        for workload, axis in zip(workloads, row, strict=True):
            cells = result.cell(workload)
            found = {
                name: value
                for name, figures in (cells[0][1].items() if cells else ())
                if not name.startswith("none") and (value := _value(figures, figure)) is not None
            }
            names = [c["name"] for c in result.contenders if c["name"] in found][::-1]
            colours = [OURS if _is_kit(name) else OTHERS for name in names]
            axis.barh(names, [found[name] for name in names], color=colours)
            axis.set_title(f"{result.label}: {workload}")
    for axis in axes[-1]:
        axis.set_xlabel(title)
    return _save(canvas, file)


def _throughput(results: Sequence[Result], file: Path) -> Path:
    canvas, axes = plt.subplots(1, len(results), figsize=(5.5 * len(results), 4), squeeze=False)
    for result, axis in zip(results, axes[0], strict=True):
        cells = [(cell, found) for cell, found in result.cell("update") if cell[2] == "off"]
        for name in [c["name"] for c in result.contenders if all(c["name"] in found for _, found in cells)]:
            if name == "pgaudit-kit" or not _is_kit(name):
                speeds = [found[name].medians["operations_s"] for _, found in cells]
                axis.plot(
                    [str(cell[1]) for cell, _ in cells], speeds, marker="o", label=name,
                    linewidth=2.5 if _is_kit(name) else 1,
                )  # fmt: skip
        axis.set_title(f"{result.label}: one-row updates a second")
        axis.set_xlabel("connections")
        axis.set_ylim(bottom=0)
        axis.legend(fontsize=7)
    return _save(canvas, file)


def _value(figures: Figures, name: str) -> float | None:
    return figures.over if name == "over" else figures.get(name)


def _is_kit(name: str) -> bool:
    return name == "pgaudit-kit" or name.startswith("kit, ")


def _save(canvas: Any, file: Path) -> Path:
    canvas.tight_layout()
    canvas.savefig(file, metadata={"Date": None, "Creator": None})
    plt.close(canvas)
    return file
