"""Files and pages behind the edge, in memory: enough to see what reaches them and what comes back."""

from pathlib import Path

from actors.errors import RuleBroken, SendRefused
from actors.model import NumberStatus
from actors.page import PageCall
from wahook.edge.ports import MediaFile
from wahook.media.store import MediaStore


class Media:
    """A real store; `of_message` has the files that a test puts there."""

    def __init__(self, root: Path) -> None:
        self.store = MediaStore(root, 1024 * 1024)
        self.files: dict[str, MediaFile] = {}

    async def save(self, session_id, pieces, said, filename):
        with self.store.writing() as file:
            async for piece in pieces:
                file.write(piece)
            return file.finish(said, filename)

    async def stored(self, session_id: str, media_id: str) -> MediaFile:
        found = self.store.find(media_id)
        return MediaFile(self.store.path(media_id), found.mimetype, found.filename)

    async def of_message(self, session_id: str, named: str) -> MediaFile:
        if named not in self.files:
            raise SendRefused("media_gone", "WhatsApp no longer has this file")
        return self.files[named]


class Pages:
    """Answers as told, and remembers what it was asked."""

    def __init__(self, sessions) -> None:
        self._sessions = sessions
        self.answers: dict[PageCall, object] = {}
        self.asked: list[tuple[PageCall, dict]] = []

    async def ask(self, session_id: str, call: PageCall, arguments):
        await self._sessions.get(session_id)
        self.asked.append((call, arguments))
        answer = self.answers.get(call)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def number_status(self, session_id: str, number: str) -> NumberStatus:
        return await self._sessions.number_status(session_id, number)


__all__ = ["Media", "Pages", "RuleBroken"]
