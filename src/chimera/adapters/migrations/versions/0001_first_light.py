"""First light: every table of SPEC 8.2 TB-01 to TB-07, fills, decisions and the fold's state."""

from pathlib import Path

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    text = Path(__file__).with_suffix(".sql").read_text("utf-8")
    body = "\n".join(line for line in text.splitlines() if not line.startswith("--"))
    for statement in body.split(";\n\n"):
        if wanted := statement.strip().removesuffix(";"):
            op.get_bind().exec_driver_sql(wanted)


def downgrade() -> None:
    raise NotImplementedError("the tables are folded from the journal: delete the file and fold again")
