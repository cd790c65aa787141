"""What a SOL cost in dollars when a fill landed."""

from pathlib import Path

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for statement in Path(__file__).with_suffix(".sql").read_text("utf-8").split(";\n\n"):
        if wanted := statement.strip().removesuffix(";"):
            op.get_bind().exec_driver_sql(wanted)


def downgrade() -> None:
    raise NotImplementedError("what was put down at the time cannot be had again")
