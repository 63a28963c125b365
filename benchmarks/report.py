"""Write the figures into docs/explanation/performance.md, between its marks, and draw its plots."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.figures import REFERENCE, Cell, Figures, Result, read_results

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "performance.md"
MARK = re.compile(r"(<!-- figures: ([a-z ]+) -->\n).*?(<!-- end -->)", re.DOTALL)
COLUMNS: tuple[tuple[str, Callable[[Figures], str]], ...] = (
    ("CPU server + client, µs", lambda f: f"{_number(f.get('server_us'))} + {_number(f.get('client_us'))}"),
    ("over base, µs", lambda f: f"**{_number(f.over)}** ({_number(f.lowest)} to {_number(f.highest)})"),
    ("changes/s", lambda f: _number(f.get("operations_s"))),
    ("p50, µs", lambda f: _number(f.get("p50_us"))),
    ("p99, µs", lambda f: _number(f.get("p99_us"))),
    ("WAL, bytes", lambda f: _number(f.get("wal_bytes"))),
    ("stored, bytes", lambda f: _number(f.get("stored_bytes"))),
    ("seal, µs", lambda f: _number(f.get("sealer_us") or f.get("seal_us"))),
    ("seal lag, s", lambda f: _number(f.get("seal_lag_s"))),
    ("replay lag, ms", lambda f: _number(f.get("replay_lag_ms"))),
)


def write_report() -> None:
    """The page and its plots, from the results there are."""
    from benchmarks.plots import draw  # needs the extra `bench`

    results = read_results()
    if not results:
        raise SystemExit("there are no results; run `python -m benchmarks compare` first")
    PAGE.write_text(fill(PAGE.read_text(), results, read_results(standby=True)))
    for file in draw(results, PAGE.parent):
        print(file)
    print(PAGE)


PLOTS = {
    "plot cpu": "CPU that auditing adds to a change",
    "plot throughput": "Updates a second by number of connections",
    "plot bytes": "Bytes that auditing stores for a change",
}
"""What the plots in benchmarks.plots show."""


def fill(page: str, results: Sequence[Result], lagging: Sequence[Result] = ()) -> str:
    """The page with tables of these results between its marks; `lagging`: those with a standby."""

    def block(match: re.Match[str]) -> str:
        text = _tables("update", lagging) if match[2] == "standby" else _block(match[2], results)
        return f"{match[1]}\n{text}\n{match[3]}"

    return MARK.sub(block, page)


def _block(name: str, results: Sequence[Result]) -> str:
    if not results:
        return "Not measured.\n"
    if name == "facts":
        return "\n".join(map(_facts, results)) + "\n"
    if name == "contenders":
        return _contenders(results)
    if name == "goals":
        return _goals(results)
    if name in PLOTS:
        return f"![{PLOTS[name]}](performance-{name.removeprefix('plot ')}.svg)\n"
    return _tables(name, results)


def _tables(workload: str, results: Sequence[Result]) -> str:
    tables = [_table(result, cell, found) for result in results for cell, found in result.cell(workload)]
    return "\n".join(tables) or "Not measured.\n"


def _facts(result: Result) -> str:
    facts, options = result.facts, result.options
    return (
        f"- PostgreSQL {facts['postgresql']}: {facts['cpu']}, {facts['cpus']} CPUs, {facts['memory_gb']} GB,"
        f" kernel {facts['kernel']}; taken {facts['taken_at'][:10]} at revision {facts['revision']};"
        f" {options['rounds']} rounds of {options['seconds']} s; load before {facts['load_before'][0]}"
    )


def _contenders(results: Sequence[Result]) -> str:
    lines = ["| contender | what it is | |", "|---|---|---|"]
    for contender in results[-1].contenders:
        why = "; ".join(
            f"{result.label}: {other['unavailable']}"
            for result in results
            for other in result.contenders
            if other["name"] == contender["name"] and "unavailable" in other
        )
        lines.append(
            f"| {contender['name']} | {contender['note']} | {'not available: ' + why if why else ''} |"
        )
    return "\n".join(lines) + "\n"


def _table(result: Result, cell: Cell, found: dict[str, Figures]) -> str:
    names = [contender["name"] for contender in result.contenders if contender["name"] in found]
    columns = [
        (title, show)
        for title, show in COLUMNS
        if any(show(found[name]) not in ("", " + ") for name in names)
    ]
    against = found.get(REFERENCE)
    header = ["contender", *(title for title, _ in columns)]
    if against:
        header.insert(3, f"of {REFERENCE}'s")
    connections = "1 connection" if cell[1] == 1 else f"{cell[1]} connections"
    lines = [
        f"{result.label}, {connections}, synchronous_commit {cell[2]}:", "",
        "| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|",
    ]  # fmt: skip
    bases = {contender["base"] for contender in result.contenders}
    for name in names:
        row = [name, *(show(found[name]) for _, show in columns)]
        if against:
            row.insert(3, f"{found[name].over / against.over:.2f}")
        if name in bases:  # compared with itself
            row[2] = ""
            if against:
                row[3] = ""
        lines.append("| " + " | ".join(row) + " |")
    return "\n".join(lines) + "\n"


def _goals(results: Sequence[Result]) -> str:
    lines = ["| goal | " + " | ".join(result.label for result in results) + " |"]
    lines.append("|---" * (len(results) + 1) + "|")
    for text, measured in GOALS:
        lines.append(f"| {text} | " + " | ".join(measured(result) for result in results) + " |")
    return "\n".join(lines) + "\n"


def _ratio(
    workload: str, goal: float, other: str = REFERENCE, ours: str = "pgaudit-kit"
) -> Callable[[Result], str]:
    def measured(result: Result) -> str:
        mine, theirs = result.at(workload, ours), result.at(workload, other)
        if mine is None or theirs is None:
            return "not measured"
        ratio = f"{mine.over / theirs.over:.2f}"
        least, most = mine.lowest / max(theirs.highest, 0.1), mine.highest / max(theirs.lowest, 0.1)
        if least <= goal < most:  # rounds differ by more than the distance to the goal
            return f"{ratio} ({least:.2f} to {most:.2f}), unclear"
        return f"{ratio}, {'met' if most <= goal else 'missed'}"

    return measured


def _share(
    workload: str, name: str, goal: float, other: str, *, least: bool = False
) -> Callable[[Result], str]:
    def measured(result: Result) -> str:
        mine, theirs = result.at(workload, "pgaudit-kit"), result.at(workload, other)
        one, two = (figures and figures.get(name) for figures in (mine, theirs))
        return _verdict(one / two, goal, least=least) if one and two else "not measured"

    return measured


def _bytes(goal: float) -> Callable[[Result], str]:
    def measured(result: Result) -> str:
        mine = result.at("update", "pgaudit-kit")
        stored = mine and mine.get("stored_bytes")
        return f"{stored:.0f}, {'met' if stored <= goal else 'missed'}" if stored else "not measured"

    return measured


def _verdict(value: float, goal: float, *, least: bool = False) -> str:
    met = value >= goal if least else value <= goal
    return f"{value:.2f}, {'met' if met else 'missed'}"


GOALS: tuple[tuple[str, Callable[[Result], str]], ...] = (
    *(
        (
            f"server CPU over none of a one-row {name}, at most 0.75 of {REFERENCE}",
            _ratio(f"{name} loop", 0.75),
        )
        for name in ("update", "insert", "delete")
    ),
    *(
        (f"… of a one-row {name}, at most 0.2 of supa_audit", _ratio(f"{name} loop", 0.2, "supa_audit"))
        for name in ("update", "insert", "delete")
    ),
    ("… of a one-row update, as E-Maj", _ratio("update loop", 1.0, "E-Maj")),
    *(
        (f"… of a row in a {name} of many, at most 0.8 of {REFERENCE}", _ratio(name, 0.8))
        for name in ("copy", "bulk update", "bulk delete")
    ),
    *(
        (f"… with `bulk = true`, {name}: at most {goal} of {REFERENCE}", _ratio(name, goal, ours="kit, bulk"))
        for name, goal in (("copy", 0.35), ("bulk update", 0.5), ("bulk delete", 0.5))
    ),
    ("bytes an event in the update workload, with indexes and blocks: at most 400", _bytes(400)),
    (f"WAL of an update, at most 0.5 of {REFERENCE}", _share("update", "wal_bytes", 0.5, REFERENCE)),
    (
        "TPC-B on 64 connections, sealer running: at least 0.6 of the throughput without audit",
        _share("tpcb", "operations_s", 0.6, "none", least=True),
    ),
)


def _number(value: float | None) -> str:
    if value is None or value != value:  # NaN: no base in this run
        return ""
    if abs(value) < 10:
        return f"{value:.1f}"
    return f"{value:,.0f}"
