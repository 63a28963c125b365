"""How a reader's tenant is known: by the grant, or by a setting of its session."""

from pgaudit_kit.migrations.frozen import run

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run("0004_reader_via.up.sql")


def downgrade() -> None:
    run("0004_reader_via.down.sql")
