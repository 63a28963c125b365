"""The tables of the first release."""

from pgaudit_kit.migrations.frozen import run

revision = "0001"
down_revision = None


def upgrade() -> None:
    run("0001_initial.up.sql")


def downgrade() -> None:
    run("0001_initial.down.sql")
