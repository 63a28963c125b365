"""Checkpoints that were signed, and the tiles of the log's tree."""

from pgaudit_kit.migrations.frozen import run

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run("0002_signed_log.up.sql")


def downgrade() -> None:
    run("0002_signed_log.down.sql")
