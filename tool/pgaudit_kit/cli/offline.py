"""`verify --offline`: a folder of evidence instead of a database."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pgaudit_kit import evidence
from pgaudit_kit.anchors import open_anchor
from pgaudit_kit.cli.app import App
from pgaudit_kit.errors import KitError
from pgaudit_kit.evidence.export import trusted
from pgaudit_kit.note import NoteMalformed, parse_checkpoint, parse_note
from pgaudit_kit.policy import Policy, load_policy
from pgaudit_kit.verify import LEVELS

_PERSONAL = ("event", "personal")


def verify_offline(app: App, folder: Path, policy_file: Path | None) -> int:
    """Check the folder as the program in it does, with the policy's keys, witnesses and anchors."""
    policy = load_policy(policy_file) if policy_file else None
    unread: list[str] = []
    anchors = _anchored(folder, policy, unread) if policy else []
    report = evidence.check(str(folder), anchors=anchors, **trusted(policy))
    report["notes"] += unread
    if unread and report["verdict"] == "ok":
        report.update(verdict="unknown", exit_code=4)
    app.out.emit(facts(report), lambda: evidence.verdict_text(report))
    return int(report["exit_code"])


def facts(report: dict[str, Any]) -> dict[str, Any]:
    """The report in the form that verify has."""
    tenant = report["tenant"]
    nowhere = {"tenant_id": tenant, "table": None, "record_key": None}
    findings = [{**found, **nowhere, "level": _level(found["kind"])} for found in report["findings"]]
    failed = {found["level"] for found in findings}
    run = {"events", "chain"} | ({"checkpoint"} if report["integrity"] != "self-consistent" else set())
    unsure = "unknown" if report["verdict"] == "unknown" else "ok"
    levels = {
        level: "failed" if level in failed else unsure if level in run else "not_run" for level in LEVELS
    }
    made = {
        "tenant_id": tenant,
        "levels": levels,
        "verdict": report["verdict"],
        "checked": report["events"],
        "erased": report["erased"],
        "not_covered": report["not_covered"],
    }
    kept = {name: value for name, value in report.items() if name not in ("version", "tenant", "events")}
    return {**kept, "tenants": [] if tenant is None else [made], "findings": findings}


def _level(kind: str) -> str:
    if kind.startswith(("checkpoint", "log-")):
        return "checkpoint"
    return "events" if kind.startswith(_PERSONAL) and kind != "event-order" else "chain"


def _anchored(folder: Path, policy: Policy, unread: list[str]) -> list[bytes]:
    """What the policy's anchors hold of the sizes whose checkpoints are in the folder."""
    sizes = {path.stem for path in (folder / "checkpoints").glob("*.note")}
    found = []
    for spec in policy.anchors:
        anchor = open_anchor(spec)
        try:
            for origin in policy.origins:
                notes = [one.note for one in anchor.found(origin) if one.problem is None]
                signed = [note for note in notes if policy.signer_of(note)]
                found += [note for note in signed if _size(note) in sizes]
                if len(signed) < len(notes):
                    unread.append(f"Anchor {anchor.name} holds checkpoints that no key of the policy signed.")
        except KitError as error:
            unread.append(f"Anchor {anchor.name} could not be read: {error.message}")
    return found


def _size(note: bytes) -> str | None:
    try:
        return str(parse_checkpoint(parse_note(note).text).size or None)
    except NoteMalformed:
        return None
