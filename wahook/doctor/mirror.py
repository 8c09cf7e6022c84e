"""Supabase takes the key and has the tables, where a mirror is set up."""

from __future__ import annotations

import asyncio

from actors.errors import ProcessError
from wahook.doctor.findings import Finding, broken, doubtful, fine, place_of
from wahook.settings import Settings

DEADLINE = 10.0


def check_mirror(settings: Settings) -> Finding:
    """Looks into both tables; writes nothing, so it cannot tell whether the key may write."""
    if settings.supabase_url is None or settings.supabase_mirror == "off":
        return fine("supabase", "no mirror is set up")
    place = place_of(settings.supabase_url)
    key = settings.supabase_service_key
    if key is None:
        return broken("supabase", "SUPABASE_SERVICE_KEY is not set", "set it, or SUPABASE_MIRROR=off")
    if key.get_secret_value().startswith("sb_publishable_"):
        return broken("supabase", "SUPABASE_SERVICE_KEY is a publishable key", "set the project's secret key")
    return _visited(settings.supabase_url, key.get_secret_value(), place)


def _visited(url: str, key: str, place: str) -> Finding:
    # Imported only where there is a mirror: see wahook/mirror.py.
    from wahook.supabase.faults import MirrorAway, RowsRefused  # noqa: PLC0415
    from wahook.supabase.project import Project  # noqa: PLC0415
    from wahook.supabase.tables import SupabaseTables  # noqa: PLC0415

    async def look() -> None:
        tables = SupabaseTables(Project(url, key), DEADLINE)
        try:
            await tables.ping()
        finally:
            await tables.close()

    try:
        asyncio.run(look())
    except (ValueError, ProcessError) as error:
        return broken("supabase", str(error), "see docs/supabase.md")
    except MirrorAway as away:
        if away.setup:
            advice = "check the URL and the key, and run config/supabase/*.sql: docs/supabase.md"
            return broken("supabase", f"{place}: {away}", advice)
        return doubtful("supabase", f"{place}: {away}", "the service runs without it, and catches up")
    except RowsRefused as refused:
        return broken("supabase", f"{place}: {refused}", "see docs/supabase.md")
    return fine("supabase", f"{place}, both tables are there")
