"""Set up PostgreSQL-Audit: `set_up_postgresql_audit.py DSN TABLE…`, in an environment that has it."""

import sys

import sqlalchemy as sa
from postgresql_audit import VersioningManager
from sqlalchemy.orm import declarative_base

dsn, *tables = sys.argv[1:]
base = declarative_base()
manager = VersioningManager(schema_name="audit")
manager.init(base)
engine = sa.create_engine("postgresql+psycopg://", creator=lambda: __import__("psycopg").connect(dsn))
with engine.begin() as conn:
    base.metadata.create_all(conn)
    for table in tables:
        conn.execute(
            sa.text("SELECT audit.audit_table(CAST(:name AS regclass))"), {"name": f"public.{table}"}
        )
