"""An audit log inside PostgreSQL: captured by triggers, sealed into a hash chain, provable offline."""

from importlib.metadata import version

__version__ = version("pgaudit-kit")
