"""Alembic's scripts; `alembic revision -m "…"` at the top of the repository makes the next one."""
