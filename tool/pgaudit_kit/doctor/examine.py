"""All checks, in the order in which they are shown, and how they are run."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg

from pgaudit_kit.db import kit_error
from pgaudit_kit.doctor import bulk, capture, dropped, log, managers, regions, replication, server, signing
from pgaudit_kit.doctor.model import Check, Finding, Result, fail, ok, warn
from pgaudit_kit.doctor.source import Source
from pgaudit_kit.errors import KitError

CHECKS: tuple[Check[Any], ...] = (
    server.server,
    server.encoding,
    server.wal_level,
    server.extensions,
    server.privileges,
    log.roles,
    capture.event_triggers,
    capture.triggers,
    capture.objects,
    capture.definitions,
    capture.descendants,
    capture.capture,
    bulk.bulk,
    capture.configuration,
    dropped.made_anew_tables,
    capture.unlogged,
    log.guards,
    log.grants,
    log.public,
    log.partitions,
    managers.partition_manager,
    log.default_partitions,
    regions.regions,
    managers.scheduler,
    log.sealer,
    log.seal_lag,
    signing.signing,
    server.transactions,
    server.prepared,
    replication.replication,
)


def examine(source: Source, checks: Iterable[Check[Any]] = CHECKS) -> Iterator[Result]:
    """Run the checks one after the other. What a check may not see is a warning; a lost connection raises."""
    for item in checks:
        findings = _findings(item, source)
        yield Result(name=item.name, findings=tuple(findings) or (ok(item.fine),))


def _findings(item: Check[Any], source: Source) -> list[Finding]:
    try:
        return item.judge(item.read(source))
    except psycopg.errors.InsufficientPrivilege as error:
        return [warn(f"Could not be looked at: {kit_error(error).message}.", "See the check `privileges`.")]
    except psycopg.OperationalError:
        raise
    except (psycopg.Error, KitError) as error:
        known = error if isinstance(error, KitError) else kit_error(error)
        return [fail(f"Could not be looked at: {known.message}", known.hint)]
