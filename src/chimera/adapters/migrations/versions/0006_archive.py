"""Decisions that left for the archive, counted; and an index to find those that are due."""

from pathlib import Path

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text("utf-8").split(";\n\n"):
        if wanted := statement.strip().removesuffix(";"):
            op.get_bind().exec_driver_sql(wanted)


def downgrade() -> None:
    raise NotImplementedError("older versions would miss what is in the archive")
