"""The schema's history, for Alembic; part of the package so that an installed wheel can migrate."""
