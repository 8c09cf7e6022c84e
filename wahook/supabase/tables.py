"""The two tables, through postgrest, the table part of the `supabase` package: extra `supabase`.

The whole package would cost 18 MB of memory in this process, its table part 3.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

from actors.errors import ProcessError
from wahook.supabase import faults
from wahook.supabase.faults import MirrorAway
from wahook.supabase.project import Project
from wahook.supabase.records import Record, Table

if TYPE_CHECKING:
    import httpx
    from postgrest import types

_JSON = ("application/json", "application/vnd.pgrst")


class SupabaseTables:
    """Coroutines of one loop. Each ends within `deadline` seconds, with MirrorAway or RowsRefused if need be.

    A request that ended by its deadline may have been carried out; all of them may be repeated.
    """

    def __init__(self, project: Project, deadline: float) -> None:
        """No request is made yet. ProcessError when the extra is not installed."""
        try:
            import httpx  # noqa: PLC0415 - both come with an optional extra
            from postgrest import AsyncPostgrestClient, ReturnMethod  # noqa: PLC0415
            from postgrest.exceptions import APIError  # noqa: PLC0415
        except ImportError:
            raise ProcessError(
                "SUPABASE_URL needs the extra `supabase`: pip install 'wahook[supabase]'"
            ) from None
        self._deadline = deadline
        self._failures = (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError)
        self._no_postgrest = APIError
        self._minimal = ReturnMethod.minimal
        self._http = httpx.AsyncClient(
            base_url=project.rest,
            headers=project.headers,
            timeout=deadline,
            follow_redirects=False,
            event_hooks={"response": [_look]},
        )
        self._rest = AsyncPostgrestClient(
            project.rest, headers=project.headers, http_client=self._http, retry_enabled=False
        )

    async def upsert(self, table: Table, rows: Sequence[Record]) -> None:
        """Make these rows what they are; all have the same columns. All or none of them."""
        body = cast("types.JSON", list(rows))
        query = self._rest.from_(table.value).upsert(
            body, returning=self._minimal, on_conflict=table.key, default_to_null=False
        )
        await self._told(query.execute())

    async def adopt(self, record: Record) -> bool:
        """Write into a user's row of that account which has another session id, or none. Was there one?"""
        query = self._rest.from_(Table.ACCOUNTS.value).update(cast("types.JSON", record))
        mine = query.eq("id", record["id"]).eq("user_id", record["user_id"])
        return bool((await self._told(mine.execute())).data)

    async def forget(self, session_id: str) -> None:
        """Delete what belongs to a session, and its row last."""
        for table in (Table.MESSAGES, Table.ACCOUNTS):
            query = self._rest.from_(table.value).delete(returning=self._minimal)
            await self._told(query.eq("session_id", session_id).execute())

    async def accounts(self, after: str, limit: int) -> list[Mapping[str, Any]]:
        """Accounts in the order of their session ids, from behind one."""
        query = self._rest.from_(Table.ACCOUNTS.value).select("*").gt("session_id", after)
        found = await self._told(query.order("session_id").limit(limit).execute())
        return [row for row in found.data if isinstance(row, dict)]

    async def ping(self) -> None:
        """Prove that both tables are there for us, with what the original's did not have."""
        for table in Table:
            await self._told(self._rest.from_(table.value).select(*table.key.split(",")).limit(1).execute())

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()

    async def _told(self, request: Awaitable[Any]) -> Any:
        async with self._telling():
            return await request

    @asynccontextmanager
    async def _telling(self) -> AsyncIterator[None]:
        """Turn what the libraries raise into our errors."""
        try:
            async with asyncio.timeout(self._deadline):
                yield
        except TimeoutError:
            raise MirrorAway("no answer in time") from None
        except self._no_postgrest:
            raise MirrorAway("what answers is no PostgREST", setup=True) from None
        except self._failures as error:
            raise MirrorAway(type(error).__name__) from None


async def _look(response: httpx.Response) -> None:
    """Judge an answer before postgrest does: it forgets the status, and keeps what must not be logged."""
    await response.aread()
    if not response.is_success:
        answer = faults.answer(response.status_code, _parsed(response), response.headers.get("retry-after"))
        raise faults.fault(answer)
    if response.content and not response.headers.get("content-type", "").startswith(_JSON):
        raise MirrorAway("what answers is no PostgREST", setup=True)  # a portal's or a proxy's page


def _parsed(response: httpx.Response) -> Any:
    try:
        return json.loads(response.content)
    except ValueError:
        return None
