"""Logins: tokens that were given out, and second factors that people enrolled."""

from pathlib import Path

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text("utf-8").split(";\n\n"):
        if wanted := statement.strip().removesuffix(";"):
            op.get_bind().exec_driver_sql(wanted)


def downgrade() -> None:
    raise NotImplementedError("people would lose their second factors")
