"""What `pgaudit-kit bench` prints for people."""

from __future__ import annotations

from collections.abc import Sequence

from pgaudit_kit.bench import Cost, Report
from pgaudit_kit.config import OPERATIONS

_HEAD = ("unaudited", "audited", "auditing adds", "", "WAL", "audited", "stored")


def report_text(report: Report, budget_us: float | None) -> str:
    """The figures, and where there is a budget whether they keep it."""
    one = [cost for cost in report.costs if cost.rows == 1]
    many = [cost for cost in report.costs if cost.rows != 1]
    lines = [_about(report), ""]
    rows = [("One row a transaction", *_HEAD), *(_row(cost, report) for cost in one)]
    if many:
        empty = ("",) * len(_HEAD)
        rows += [("", *empty), (f"{report.rows:,} rows a statement, per row", *empty)]
        rows += [_row(cost, report) for cost in many]
    lines += _aligned(rows)
    lines += ["", *_verdict(report, one, budget_us)]
    return "\n".join(lines)


def _about(report: Report) -> str:
    whose = "made up by type" if report.made_up else "of its own"
    rows = f"{report.rows:,} {'row' if report.rows == 1 else 'rows'} {whose}"
    server = f"PostgreSQL {report.server}"
    return f"{report.table} on {server}, with {rows}; {report.capture} capture, {_declared(report)}."


def _declared(report: Report) -> str:
    said = []
    for name, value in report.declaration.items():
        if name == "operations" and len(value) == len(OPERATIONS):
            continue
        if value is True:
            value = ""
        elif isinstance(value, dict):
            value = ", ".join(f"{kind} {what}" for kind, what in value.items() if what is not None)
        said.append(f"{name} {', '.join(value) if isinstance(value, list | tuple) else value}".rstrip())
    what = "; ".join(said) or "everything recorded"
    return f"{what} (as {report.declared_in} declares)" if report.declared_in != "nowhere" else what


def _row(cost: Cost, report: Report) -> tuple[str, ...]:
    name = cost.operation.upper()
    if cost.operation == "update":
        name += f" of {', '.join(report.changed_columns)}"
    return (
        f"  {name}",
        _time(cost.unaudited_us),
        _time(cost.audited_us),
        _time(cost.adds_us),
        f"({_number(cost.low_us)} to {_number(cost.high_us)})",
        _bytes(cost.unaudited_wal_bytes),
        _bytes(cost.audited_wal_bytes),
        _bytes(cost.event_bytes),
    )


def _verdict(report: Report, one: Sequence[Cost], budget_us: float | None) -> list[str]:
    dearest = max(one, key=lambda cost: cost.adds_us)
    line = f"Auditing adds {_time(dearest.adds_us)} to a one-row {dearest.operation.upper()}, the dearest"
    if budget_us is None:
        return [f"{line}."]
    kept = "within" if report.largest_us <= budget_us else "over"
    return [f"{line}: {kept} the budget of {_time(budget_us)}."]


def _time(us: float) -> str:
    return f"{us / 1000:,.1f} ms" if abs(us) >= 10_000 else f"{_number(us)} µs"


def _number(us: float) -> str:
    return f"{us:,.0f}" if abs(us) >= 100 else f"{us:.1f}"


def _bytes(size: float | None) -> str:
    return "-" if size is None else f"{size:,.0f} B"


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:>{width}}" if number else f"{cell:<{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
