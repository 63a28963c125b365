"""Alembic migrations of the kit's own tables."""
