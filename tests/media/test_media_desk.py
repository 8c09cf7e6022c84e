"""Files of messages that arrived: from the volume while they are there, and not beyond the message itself."""

import base64

import pytest

from actors.errors import RuleBroken, SendRefused
from actors.messages import RecordIncoming, SaveAccount
from actors.model import Account, IncomingMessage
from actors.page import AskPage, NoticeArrived, Noticed, PageCall
from wahook.addresses import AddressRule
from wahook.journal import open_journal
from wahook.media.desk import MediaDesk
from wahook.media.fetching import MediaFetcher
from wahook.media.links import Links
from wahook.media.store import MediaStore

SESSION, CHAT = "user_1_wa_1", "491700000001"
FILE = b"%PDF-1.7 and so on"


class Page:
    """Has one file."""

    def __init__(self) -> None:
        self.opened = 0

    async def ask_page(self, session_id: str, question: AskPage):
        match question.call:
            case PageCall.MEDIA_OPEN:
                self.opened += 1
                return {"handle": 1, "size": len(FILE), "mimetype": "application/pdf", "filename": "a.pdf"}
            case PageCall.MEDIA_READ:
                return base64.b64encode(FILE).decode()
        return None


@pytest.fixture
def journal(tmp_path):
    with open_journal(f"sqlite:///{tmp_path / 'wahook.db'}") as opened:
        message = IncomingMessage("IN1", f"{CHAT}@c.us", CHAT, "", "document", 5, has_media=True)
        opened.writer.write([SaveAccount(Account(SESSION, "1", "1")), RecordIncoming(SESSION, (message,))])
        yield opened


@pytest.fixture
def desk(journal, tmp_path):
    fetcher = MediaFetcher(MediaStore(tmp_path / "media", 1000), AddressRule())
    return MediaDesk(fetcher, Links(tmp_path / "links"), journal.reader, Page())


async def test_a_file_is_asked_of_the_page_once_and_again_when_its_time_is_over(desk):
    for opened in (1, 1):
        found = await desk.of_message(SESSION, "IN1")
        assert (found.path.read_bytes(), found.mimetype, found.filename) == (FILE, "application/pdf", "a.pdf")
        assert desk.page.opened == opened
    assert desk.fetcher.store.sweep(-1, keep=()) == 1
    assert (await desk.of_message(SESSION, "IN1")).path.read_bytes() == FILE
    assert desk.page.opened == 2


async def test_a_stored_file_is_served_under_a_session_that_there_is(desk):
    with desk.fetcher.store.writing() as file:
        file.write(FILE)
        media_id = file.finish(None, None).media_id
    assert (await desk.stored(SESSION, media_id)).path.read_bytes() == FILE
    with pytest.raises(RuleBroken, match="no such session"):
        await desk.stored("user_9_wa_9", media_id)


async def test_the_file_of_a_message_that_was_deleted_for_everyone_is_served_no_more(desk, journal):
    await desk.of_message(SESSION, "IN1")
    revoke = NoticeArrived(Noticed.REVOKED, "IN1", f"{CHAT}@c.us", CHAT, 6)
    journal.writer.write([RecordIncoming(SESSION, (revoke,))])
    with pytest.raises(SendRefused, match="deleted for everyone") as caught:
        await desk.of_message(SESSION, "IN1")
    assert caught.value.code == "media_gone"
