"""What pgaudit.toml says, read strictly: an unknown or contradictory entry is an error with its place."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Literal

import msgspec

from pgaudit_kit.anchor_specs import AnchorSpec, check_distinct
from pgaudit_kit.condition import BadCondition, Conditions
from pgaudit_kit.errors import ConfigError, KitError, UsageError
from pgaudit_kit.names import Ident, QualifiedName
from pgaudit_kit.note import is_key_name
from pgaudit_kit.reference import Reference
from pgaudit_kit.regions import Region, check_regions
from pgaudit_kit.timeouts import Timeouts, milliseconds

FILE_NAME = "pgaudit.toml"
DEFAULT_SCHEMA = "audit"

Operation = Literal["insert", "update", "delete", "truncate"]
OPERATIONS: tuple[Operation, ...] = ("insert", "update", "delete", "truncate")
SERVER_CONTEXT = ("db_user", "role", "application_name", "client_addr")
"""Context fields that the server fills in; no configuration takes them out of the log."""


def _distinct(label: str, values: Iterable[str]) -> None:
    seen: set[str] = set()
    for value in values:
        if value in seen:
            raise ValueError(f"{label}: {value!r} is listed twice")
        seen.add(value)


@contextmanager
def _as_value_error() -> Iterator[None]:
    """Turn a KitError into the ValueError that msgspec adds the place to."""
    try:
        yield
    except KitError as error:
        raise ValueError(error.message) from None


class _Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Unknown entries are errors: a misspelt `personal` must not pass in silence."""


class Partitions(_Strict, frozen=True, kw_only=True):
    """How the log is divided by time."""

    interval: str = "1 day"
    premake: int = 7
    manager: Literal["auto", "partman", "native"] = "auto"

    def __post_init__(self) -> None:
        """Refuse intervals that are no whole calendar unit, and no partitions ahead."""
        if not re.fullmatch(r"[1-9][0-9]{0,3} (hour|day|week|month|year)s?", self.interval):
            raise ValueError(f"interval {self.interval!r} is not like '1 day', '1 week' or '1 month'")
        if not 1 <= self.premake <= 1000:
            raise ValueError("premake must be between 1 and 1000 partitions")


class Context(_Strict, frozen=True, kw_only=True):
    """Which context fields are personal data."""

    personal: tuple[str, ...] = ("ip", "user_agent")

    def __post_init__(self) -> None:
        """Refuse repeated fields and those that the server fills in."""
        _distinct("personal", self.personal)
        for field in self.personal:
            if not field or field in SERVER_CONTEXT:
                raise ValueError(f"personal: {field!r} cannot be kept apart")


class Signing(_Strict, frozen=True, kw_only=True):
    """How the log is signed. Paths are relative to the configuration file."""

    origin: str
    key: str
    state: str | None = None
    every: str = "10s"

    def __post_init__(self) -> None:
        """Refuse what cannot be signed with, and intervals that are none."""
        if not is_key_name(self.origin):
            raise ValueError(f"origin {self.origin!r} is not like 'audit.example.com/shop'")
        if not self.key or self.state == "":
            raise ValueError("key and state name files")
        if not 1000 <= milliseconds(self.every) <= 86_400_000:
            raise ValueError("every must be between 1s and 24h")

    @property
    def every_s(self) -> float:
        """Seconds between two checkpoints."""
        return milliseconds(self.every) / 1000


class Tenant(_Strict, frozen=True, kw_only=True):
    """Where a row's tenant comes from: exactly one of these is set."""

    column: str | None = None
    setting: str | None = None
    value: str | None = None
    via: str | None = None

    def __post_init__(self) -> None:
        """Refuse none and more than one, and what cannot be a column or a setting."""
        given = [text for text in (self.column, self.setting, self.value, self.via) if text is not None]
        if len(given) != 1:
            raise ValueError("tenant needs exactly one of column, setting, value and via")
        if not given[0] or "\0" in given[0]:
            raise ValueError("tenant must not be empty")
        if self.setting is not None and not re.fullmatch(
            r"[A-Za-z_][A-Za-z0-9_$]*(\.[A-Za-z_][A-Za-z0-9_$]*)+", self.setting
        ):
            raise ValueError(f"setting {self.setting!r} is not like 'app.tenant'")
        if self.via is not None:
            Reference.parse(self.via)


class When(_Strict, frozen=True, kw_only=True):
    """Under which condition each operation is recorded; without one always."""

    insert: str | None = None
    update: str | None = None
    delete: str | None = None


class TableConfig(_Strict, frozen=True, kw_only=True, dict=True):
    """One audited table. `name` is SQL syntax; columns are names as the catalogs store them."""

    name: str
    tenant: Tenant | None = None
    exclude: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    subject: str | None = None
    operations: tuple[Operation, ...] = OPERATIONS
    key: tuple[str, ...] = ()
    bulk: bool = False
    when: str | When | None = None

    def __post_init__(self) -> None:
        """Refuse a bad name, repeated entries and entries that contradict each other."""
        with _as_value_error():
            _ = self.table
        for label in ("exclude", "personal", "key", "operations"):
            _distinct(label, getattr(self, label))
        if not self.operations:
            raise ValueError("operations must not be empty")
        columns = (*self.exclude, *self.personal, *self.key, *filter(None, [self.subject]))
        for column in columns:
            with _as_value_error():
                Ident(column)
        for label, other in (("personal", self.personal), ("key", self.key)):
            if both := sorted(set(self.exclude) & set(other)):
                raise ValueError(f"column {both[0]!r} stands in exclude and in {label}")
        conditions = self.conditions
        if self.bulk and (conditions.insert or conditions.delete):
            raise ValueError("bulk records whole statements, so when can be asked of update alone")

    @cached_property
    def conditions(self) -> Conditions:
        """What is asked before a change is recorded, read."""
        try:
            if isinstance(self.when, str):
                return Conditions.one(self.when)
            if self.when is not None:
                return Conditions.each(self.when.insert, self.when.update, self.when.delete)
        except BadCondition as error:
            raise ValueError(f"when: {error}") from None
        return Conditions()

    @cached_property
    def table(self) -> QualifiedName:
        """The name, read."""
        return QualifiedName.parse(self.name)


class Config(_Strict, frozen=True, kw_only=True):
    """The whole of pgaudit.toml."""

    schema: str = DEFAULT_SCHEMA
    timeouts: Timeouts = Timeouts()
    partitions: Partitions = Partitions()
    context: Context = Context()
    actions: dict[str, tuple[Operation, ...]] | None = None
    signing: Signing | None = None
    anchors: tuple[AnchorSpec, ...] = ()
    """Where checkpoints are published."""
    regions: tuple[Region, ...] = ()
    """Whose part of the log lies where."""
    tables: tuple[TableConfig, ...] = ()

    def __post_init__(self) -> None:
        """Check the schema's name and the actions' operations."""
        with _as_value_error():
            check_schema(self.schema)
        check_distinct(self.anchors)
        for action, operations in (self.actions or {}).items():
            if not action or not operations:
                raise ValueError(f"action {action!r} needs a name and at least one operation")
            _distinct(f"action {action!r}", operations)


def check_schema(name: str) -> str:
    """Return the name of the kit's schema, or raise UsageError where it cannot be one."""
    Ident(name)
    if re.search(r"[%'$\\\x00-\x1f\x7f]", name):
        raise UsageError(
            f"The kit cannot live in schema {name!r}.",
            hint="Its name stands in the text of functions: without %, $, ', backslash and controls.",
        )
    if name.startswith("pg_") or name in ("public", "information_schema"):
        raise UsageError(
            f"The kit cannot live in schema {name!r}.",
            hint="Give it a schema of its own, such as audit.",
        )
    return name


def find(start: Path) -> Path | None:
    """The nearest pgaudit.toml in `start` or a folder above it."""
    start = start.resolve()
    candidates = (folder / FILE_NAME for folder in (start, *start.parents))
    return next((path for path in candidates if path.is_file()), None)


def load(path: Path) -> Config:
    """Read and check the file; ConfigError says where it is wrong."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ConfigError(
            "The configuration file does not exist.",
            at=str(path),
            hint="Check --config or PGAUDIT_KIT_CONFIG; `pgaudit-kit init` writes a new file.",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"The configuration file cannot be read: {reason}.", at=str(path)) from None
    return parse(text, where=path.name)


def parse(text: str, *, where: str = FILE_NAME) -> Config:
    """Check the text of a configuration; `where` names it in errors."""
    try:
        raw = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(error, text, where) from None
    except RecursionError:
        raise ConfigError("The file is nested too deeply.", at=where) from None
    try:
        config = msgspec.convert(raw, Config)
    except msgspec.ValidationError as error:
        raise _validation_error(error, where) from None
    _refuse_duplicates(config.tables, where)
    check_regions(config.regions, config.partitions.manager, where)
    return config


def _toml_error(error: tomllib.TOMLDecodeError, text: str, where: str) -> ConfigError:
    message, _, place = str(error).rpartition(" (at ")
    line = re.match(r"line (\d+)", place)
    number = int(line[1]) if line else len(text.splitlines()) or 1
    return ConfigError(
        f"The file is not valid TOML: {message or error}.",
        at=f"{where}: line {number}",
        hint="A text needs quotes, a list square brackets; see https://toml.io.",
    )


def _validation_error(error: msgspec.ValidationError, where: str) -> ConfigError:
    message, _, path = str(error).partition(" - at `")
    path = path.rstrip("`").removeprefix("$").removeprefix(".")
    unknown = re.match(r"Object contains unknown field `(.*)`", message)
    missing = re.match(r"Object missing required field `(.*)`", message)
    if unknown:
        message = f"Unknown entry {unknown[1]!r}"
    elif missing:
        message = f"The entry {missing[1]!r} is missing"
    return ConfigError(message, at=f"{where}: {path}" if path else where)


def _refuse_duplicates(tables: Iterable[TableConfig], where: str) -> None:
    seen: dict[QualifiedName, int] = {}
    for number, table in enumerate(tables):
        if table.table in seen:
            raise ConfigError(
                f"The table {table.table.display} is listed twice.",
                at=f"{where}: tables[{number}]",
                hint=f"It stands in tables[{seen[table.table]}] already.",
            )
        seen[table.table] = number
