"""Check of the signed log: whether it keeps up, and whether every anchor takes what is signed."""

from __future__ import annotations

from pgaudit_kit.doctor.model import Finding, Row, check, counted, duration, fail, ok, warn

LAG_WARN_S = 300
LAG_FAIL_S = 3600
SIGN = "See that `pgaudit-kit run` works with its [signing] section, or run `pgaudit-kit checkpoint`."
UNSIGNED = (
    "the log is not signed: whoever is a superuser could rewrite all of it unseen"
    " ([signing] in pgaudit.toml changes that)"
)


@check("signing", fine="what was sealed is signed and published", read=lambda source: source.signing)
def signing(facts: Row | None) -> list[Finding]:
    """How old the part of the log is that was not published, and which anchors refuse."""
    if facts is None:
        return [ok(UNSIGNED)]
    findings = []
    lag = facts["unpublished_for_s"] or 0
    if facts["published_age_s"] is None and facts["anchors"] and None not in facts["anchors"].values():
        lag = max(lag, facts["prepared_age_s"])
    if lag > LAG_WARN_S:
        blocks = counted(facts["behind"], "block")
        message = f"Sealed for {duration(lag)} and in no published checkpoint; {blocks} since the last one."
        findings.append(fail(message, SIGN) if lag > LAG_FAIL_S else warn(message, SIGN))
    for name, why in sorted((facts["anchors"] or {}).items()):
        if why is not None:
            said = f"Anchor {name} did not take the checkpoint of {facts['size']:,} blocks: {why}"
            findings.append(warn(said, "It is asked again with every checkpoint; sealing goes on."))
    return findings
