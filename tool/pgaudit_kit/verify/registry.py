"""The registry says which tables are audited and what their events mean; the log's own events say so too.

It is a table like any other, and no hash covers it: whoever writes to it could name a table otherwise, or
have it left out of what is compared. So it must be what the newest control events made it.
"""

from __future__ import annotations

from pgaudit_kit.verify.findings import Findings
from pgaudit_kit.verify.report import Finding
from pgaudit_kit.verify.session import Session


def check_registry(session: Session, findings: Findings) -> None:
    """Report every table and setting of which the registry says otherwise than the log."""
    for row in session.rows("registry"):
        message = f"the registry {row.difference}, and no control event says so"
        findings.add(Finding(kind="registry-changed", level="completeness", table=row.what, message=message))
