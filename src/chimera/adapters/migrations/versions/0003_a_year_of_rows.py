"""Indexes for tables with a year in them: pages in their own order, and what each wallet's copies came to."""

from pathlib import Path

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text("utf-8").split(";\n\n"):
        if wanted := statement.strip().removesuffix(";"):
            op.get_bind().exec_driver_sql(wanted)


def downgrade() -> None:
    raise NotImplementedError("older versions read these tables as they are")
