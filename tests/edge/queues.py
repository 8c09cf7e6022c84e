"""E-mails and a mirror in memory, behind the edge; the real ones are tested with theirs."""

from dataclasses import replace

from actors.durable import Mail, MirrorChange, TaskState
from actors.errors import RuleBroken
from wahook.edge.ports import MirrorState


class Mails:
    """Rows by id, oldest first."""

    def __init__(self) -> None:
        self.rows: dict[str, Mail] = {}

    async def mails(self, *, state, session_id, limit, before):
        found = [
            row
            for row in reversed(self.rows.values())
            if state in {None, row.state}
            and session_id in {None, row.session_id}
            and (before is None or row.seq < before)
        ]
        return found[:limit]

    async def mail(self, mail_id):
        if mail_id not in self.rows:
            raise RuleBroken("unknown_mail", "there is no such mail")
        return self.rows[mail_id]

    async def replay(self, mail_id):
        row = await self.mail(mail_id)
        if row.state is not TaskState.DEAD:
            raise RuleBroken("wrong_state", f"a mail that is {row.state} cannot be replayed")
        self.rows[mail_id] = replace(row, state=TaskState.PENDING, attempts=0)
        return self.rows[mail_id]

    async def replay_dead(self):
        dead = [row for row in self.rows.values() if row.state is TaskState.DEAD]
        return len([await self.replay(row.id) for row in dead])


class Mirror:
    """One that refused `aside`; None: there is none."""

    def __init__(self) -> None:
        self.aside: list[MirrorChange] | None = []

    async def state(self):
        aside = self.aside or []
        return MirrorState(self.aside is not None, True, 1.5, 2, len(aside), False, None)

    async def set_aside(self, *, limit, after):
        return [one for one in self.aside or () if one.seq > after][:limit]

    def _some(self):
        if self.aside is None:
            raise RuleBroken("no_mirror", "no mirror is set up")
        return self.aside

    async def retry(self):
        retried = len(self._some())
        self.aside = []
        return retried

    async def copy(self):
        self._some()
        return 3
