"""Whose the rows are by which other tables find their tenant."""

from pgaudit_kit.migrations.frozen import run

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run("0003_row_tenants.up.sql")


def downgrade() -> None:
    run("0003_row_tenants.down.sql")
