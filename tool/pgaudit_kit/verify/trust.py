"""What a verification trusts that is not in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from pgaudit_kit.anchors import Anchor
from pgaudit_kit.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What the verifier brings along: a policy, the anchors that it names, and a clock."""

    policy: Policy
    now: datetime
    anchors: Sequence[Anchor] = ()
