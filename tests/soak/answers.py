"""What `verify --all` may say it cannot tell, on tables that the soak changes all the time."""

from __future__ import annotations

RENAMED = "rows of public.mood are not as events from before its definition changed left them"
"""A value of the type of mood.feel has another name since; no event says what it was before."""
NEW = ("have no event, and no tenant to count for", "Nothing of this tenant is sealed yet")
"""Said of what is young; it makes no verdict uncertain."""
BESIDE = "could not be compared with its events"
"""A table that was emptied, altered or renamed while verify looked."""


def all_told(said: str, *, quiet: bool) -> bool:
    """Whether each note of a verdict that ended with 4 is one of those.

    When it is quiet, nothing was changed beside verify.
    """
    notes = " ".join(said.split()).split("UNKNOWN: ")[0].split("note: ")[1:]
    doubts = [note for note in notes if not any(words in note for words in NEW)]
    return bool(doubts) and all(RENAMED in note or (BESIDE in note and not quiet) for note in doubts)
