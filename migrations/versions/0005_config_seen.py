"""What the last seal found of guards and access."""

from pgaudit_kit.migrations.frozen import run

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run("0005_config_seen.up.sql")


def downgrade() -> None:
    run("0005_config_seen.down.sql")
