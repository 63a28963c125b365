"""Alembic writes the kit's migrations as SQL text; the kit runs it in the transaction of the installation."""

from alembic import context

config = context.config
context.configure(
    dialect_name="postgresql",
    version_table="alembic_version",
    version_table_schema=config.attributes["schema"],
    literal_binds=True,
    dialect_opts={"paramstyle": "named"},  # the default doubles every %
)
# No begin_transaction(): it would write BEGIN and COMMIT.
context.run_migrations()
