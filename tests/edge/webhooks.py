"""Deliveries in memory, behind the edge; the real ones are tested in tests/webhooks."""

from dataclasses import replace

from actors.durable import Delivery, TaskState
from actors.errors import RuleBroken
from wahook.edge.ports import WebhookTrial

from .service import Sessions


class Webhooks:
    """Rows by id, oldest first."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions
        self.rows: dict[str, Delivery] = {}

    async def deliveries(self, session_id, *, state, limit, before):
        await self._sessions.get(session_id)
        found = [
            row
            for row in reversed(self.rows.values())
            if row.session_id == session_id
            and state in {None, row.state}
            and (before is None or row.seq < before)
        ]
        return found[:limit]

    async def delivery(self, session_id, delivery_id):
        await self._sessions.get(session_id)
        if delivery_id not in self.rows:
            raise RuleBroken("unknown_delivery", "this session has no such delivery")
        return self.rows[delivery_id]

    async def replay(self, session_id, delivery_id):
        row = await self.delivery(session_id, delivery_id)
        if row.state is not TaskState.DEAD:
            raise RuleBroken("wrong_state", f"a delivery that is {row.state} cannot be replayed")
        self.rows[delivery_id] = replace(row, state=TaskState.PENDING, attempts=0)
        return self.rows[delivery_id]

    async def replay_dead(self, session_id):
        dead = await self.deliveries(session_id, state=TaskState.DEAD, limit=1000, before=None)
        return len([await self.replay(session_id, row.id) for row in dead])

    async def test(self, session_id, url):
        found = await self._sessions.get(session_id)
        if not found.account.config.webhooks:
            raise RuleBroken("unknown_webhook", "this session has no such webhook")
        return [WebhookTrial(one.url, True, 200, None, 3) for one in found.account.config.webhooks]
