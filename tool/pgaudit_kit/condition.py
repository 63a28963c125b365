"""Conditions under which a change is recorded: SQL over the columns of NEW and OLD, read strictly.

Only what this module can tell apart is let through, so that the text is one expression wherever it is put,
and a condition over one image can be asked of the other. The server says whether it means anything.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Image = Literal["NEW", "OLD"]
LONGEST = 2000

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>'(?:[^']|'')*')
    |(?P<quoted>"(?:[^"]|"")+")
    |(?P<number>[0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)
    |(?P<name>[^\W\d]\w*)
    |(?P<sign>[-+*/<>=~!@\#%^&|?,.()\[\]:])""",
    re.VERBOSE,
)
_PREFIX = {"string": re.compile(r"[\w&]"), "quoted": re.compile("&")}
"""What must not stand right before: E'…', B'…', U&'…' and U&"…" have rules of their own."""
_COMMENT = re.compile(r"--|/\*")


class BadCondition(ValueError):
    """The condition is none that can be taken apart with certainty."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str
    start: int

    @property
    def image(self) -> Image | None:
        """NEW or OLD, as PostgreSQL reads it: without quotes in any case, in quotes in lower case."""
        if self.kind == "name" and self.text.upper() in ("NEW", "OLD"):
            return "NEW" if self.text.upper() == "NEW" else "OLD"
        if self.kind == "quoted" and self.text in ('"new"', '"old"'):
            return "NEW" if self.text == '"new"' else "OLD"
        return None


@dataclass(frozen=True)
class Condition:
    """One expression; raises BadCondition where it cannot be read with certainty."""

    text: str

    def __post_init__(self) -> None:
        """Refuse what is no single expression over columns of NEW and OLD."""
        if not self.images:
            raise BadCondition("it names no column of NEW or OLD, so it says nothing of a row")

    @cached_property
    def images(self) -> frozenset[Image]:
        """Which of NEW and OLD it is about."""
        return frozenset(image for _, image in self._references)

    def over(self, names: dict[Image, str]) -> str:
        """The expression with other SQL in the place of NEW and OLD."""
        text, at = [], 0
        for token, image in self._references:
            text += [self.text[at : token.start], names.get(image, image)]
            at = token.start + len(token.text)
        return "".join([*text, self.text[at:]])

    def about(self, image: Image) -> str:
        """A condition over one image, asked of this one."""
        return self.over({"NEW": image, "OLD": image})

    @cached_property
    def _references(self) -> list[tuple[_Token, Image]]:
        tokens = _tokens(self.text)
        found = []
        for number, token in enumerate(tokens):
            after_dot = number > 0 and tokens[number - 1].text == "."
            if token.image is None or after_dot:
                continue
            following = tokens[number + 1 : number + 3]
            if [item.text for item in following[:1]] != ["."] or not (
                len(following) == 2 and following[1].kind in ("name", "quoted")
            ):
                raise BadCondition(f"after {token.text} a point and a column are wanted")
            found.append((token, token.image))
        return found


def _tokens(text: str) -> list[_Token]:
    """The tokens without spaces; what could end the expression early, or hide its end, is refused."""
    if not text.strip() or len(text) > LONGEST:
        raise BadCondition(f"it is empty or longer than {LONGEST} characters")
    tokens, at = [], 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise BadCondition(f"{text[at : at + 10]!r} cannot stand in a condition")
        prefix = _PREFIX.get(match.lastgroup)
        if at > 0 and prefix is not None and prefix.match(text[at - 1]):
            raise BadCondition("a text with a prefix (E'…', U&'…') cannot stand in a condition")
        if _COMMENT.match(text, at):
            raise BadCondition("a comment cannot stand in a condition")
        if match.lastgroup != "space":
            tokens.append(_Token(match.lastgroup, match[0], at))
        at = match.end()
    _refuse_unbalanced(tokens)
    return tokens


def _refuse_unbalanced(tokens: list[_Token]) -> None:
    wanted: list[str] = []
    for token in tokens:
        if token.text in ("(", "[") and token.kind == "sign":
            wanted.append({"(": ")", "[": "]"}[token.text])
        elif token.text in (")", "]") and token.kind == "sign" and (not wanted or wanted.pop() != token.text):
            raise BadCondition(f"{token.text!r} closes nothing")
    if wanted:
        raise BadCondition(f"{wanted[-1]!r} is missing")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is asked before a change is recorded; each None: nothing.

    A condition over one image holds for a row. An update is recorded where it holds before or after.
    """

    insert: Condition | None = None
    update: Condition | None = None
    delete: Condition | None = None

    @classmethod
    def one(cls, text: str) -> Conditions:
        """One text for all that it can serve: over both images it serves UPDATE alone."""
        condition = Condition(text)
        if len(condition.images) == 2:
            return cls(update=condition)
        return cls(insert=condition, update=condition, delete=condition)

    @classmethod
    def each(cls, insert: str | None, update: str | None, delete: str | None) -> Conditions:
        """One for each operation."""
        made = {
            "insert": Condition(insert) if insert is not None else None,
            "update": Condition(update) if update is not None else None,
            "delete": Condition(delete) if delete is not None else None,
        }
        for operation, absent in (("insert", "OLD"), ("delete", "NEW")):
            condition = made[operation]
            if condition is not None and absent in condition.images:
                raise BadCondition(f"{operation.upper()} has no {absent}")
        return cls(**made)

    def __bool__(self) -> bool:
        """Whether anything is asked."""
        return any((self.insert, self.update, self.delete))

    @property
    def crosses(self) -> bool:
        """Whether an update can lead a row into what is recorded, or out of it."""
        return self.update is not None and len(self.update.images) == 1

    def when(self, operation: str) -> list[tuple[str, str]]:
        """The triggers of a row operation: what each is for, and its WHEN; [] where nothing is asked.

        An update is one that `enters` what is recorded, `leaves` it, or neither. Unknown counts as recorded.
        """
        condition: Condition | None = getattr(self, operation)
        if condition is None:
            return []
        if operation != "update" or not self.crosses:
            image: Image = "OLD" if operation == "delete" else "NEW"
            text = condition.text if operation == "update" else condition.about(image)
            return [(operation, f"({text}) IS NOT FALSE")]
        before, after = condition.about("OLD"), condition.about("NEW")
        return [
            ("update", f"({before}) IS NOT FALSE AND ({after}) IS NOT FALSE"),
            ("enters", f"({before}) IS FALSE AND ({after}) IS NOT FALSE"),
            ("leaves", f"({before}) IS NOT FALSE AND ({after}) IS FALSE"),
        ]


ALWAYS = Conditions()
