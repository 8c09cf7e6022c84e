"""Chats and people: what the page knows of them, and what others see of us."""

from __future__ import annotations

from aiohttp import web

from actors.model import JSON
from actors.page import PageCall
from wahook.edge.message_schemas import Chat
from wahook.edge.page_schemas import (
    AboutBody,
    AboutRequest,
    BlockBody,
    ChatList,
    ContactBody,
    ContactList,
    ContactQuery,
    History,
    HistoryQuery,
    LabelBody,
    LabelList,
    ListQuery,
    PictureBody,
    PresenceRequest,
    SeenBody,
    TypingRequest,
)
from wahook.edge.ports import Pages
from wahook.edge.represent import json_answer
from wahook.edge.routing import Answer, route
from wahook.edge.schemas import Number, NumberBody, SessionPath

SESSION = "/api/whatsapp/sessions/{id}"
CHAT = f"{SESSION}/chats/{{chatId}}"
CONTACT = f"{SESSION}/contacts/{{number}}"
_FAILS = (404, 409, 502, 503)
_DONE = {204: Answer("Done.")}


class ChatRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @route("GET", f"{SESSION}/chats", "chats", {200: Answer("Chats, the newest first.", ChatList)}, _FAILS)
    async def list_chats(self, id: SessionPath, query: ListQuery) -> web.StreamResponse:  # noqa: A002
        """List the account's chats."""
        asked: dict[str, JSON] = {"limit": query.limit, "offset": query.offset}
        return json_answer(ChatList.model_validate(await self._pages.ask(id, PageCall.CHATS, asked)))

    @route("GET", f"{CHAT}/messages", "chats", {200: Answer("A part of it, newest first.", History)}, _FAILS)
    async def read_history(self, id: SessionPath, chatId: Chat, query: HistoryQuery) -> web.StreamResponse:  # noqa: A002, N803
        """Read a chat's history as WhatsApp has it, messages of before the service included."""
        asked: dict[str, JSON] = {"chat": chatId, "limit": query.limit, "before": query.cursor}
        return json_answer(History.model_validate(await self._pages.ask(id, PageCall.HISTORY, asked)))

    @route("POST", f"{CHAT}/seen", "chats", {200: Answer("They are seen now.", SeenBody)}, _FAILS)
    async def mark_seen(self, id: SessionPath, chatId: Chat) -> web.StreamResponse:  # noqa: A002, N803
        """Mark a chat's messages as seen."""
        return json_answer(
            SeenBody.model_validate(await self._pages.ask(id, PageCall.SEEN, {"chat": chatId}))
        )

    @route("POST", f"{CHAT}/typing", "chats", _DONE, _FAILS)
    async def show_typing(self, id: SessionPath, chatId: Chat, body: TypingRequest) -> web.StreamResponse:  # noqa: A002, N803
        """Show that we type or record, or no longer do."""
        await self._pages.ask(id, PageCall.CHAT_STATE, {"chat": chatId, "state": body.state})
        return web.Response(status=204)

    @route("PUT", f"{SESSION}/presence", "chats", _DONE, _FAILS)
    async def set_presence(self, id: SessionPath, body: PresenceRequest) -> web.StreamResponse:  # noqa: A002
        """Be seen online, or not.

        Heartbeats and new starts keep to it until it is changed.
        """
        await self._pages.ask(id, PageCall.AVAILABLE, {"available": body.available})
        return web.Response(status=204)

    @route("PUT", f"{SESSION}/about", "contacts", _DONE, _FAILS)
    async def set_about(self, id: SessionPath, body: AboutRequest) -> web.StreamResponse:  # noqa: A002
        """Change the words beside the account's name."""
        await self._pages.ask(id, PageCall.SET_ABOUT, {"text": body.about})
        return web.Response(status=204)

    @route("GET", f"{SESSION}/labels", "contacts", {200: Answer("All labels.", LabelList)}, _FAILS)
    async def list_labels(self, id: SessionPath) -> web.StreamResponse:  # noqa: A002
        """List the labels of a business account; 409 `not_business` for any other."""
        answer = await self._pages.ask(id, PageCall.LABELS, {})
        assert isinstance(answer, list)  # noqa: S101
        return json_answer(LabelList(labels=[LabelBody.model_validate(one) for one in answer]))


class ContactRoutes:
    """Handlers run on the edge's loop."""

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @route("GET", f"{SESSION}/contacts", "contacts", {200: Answer("Contacts by name.", ContactList)}, _FAILS)
    async def list_contacts(self, id: SessionPath, query: ContactQuery) -> web.StreamResponse:  # noqa: A002
        """List the account's contacts; the list may be an hour old."""
        answer = await self._pages.ask(id, PageCall.CONTACTS, {})
        assert isinstance(answer, list)  # noqa: S101
        wanted = query.q.casefold()
        found = [each for one in answer if _says(each := ContactBody.model_validate(one), wanted)]
        found.sort(key=lambda each: ((each.name or each.push_name or "~").casefold(), each.number))
        part = found[query.offset : query.offset + query.limit]
        return json_answer(ContactList(contacts=part, total=len(found)))

    @route("GET", CONTACT, "contacts", {200: Answer("What WhatsApp knows of it.", NumberBody)}, _FAILS)
    async def check_number(self, id: SessionPath, number: Number) -> web.StreamResponse:  # noqa: A002
        """Ask whether a number is on WhatsApp; the answer may be a day old, a negative one some minutes."""
        found = await self._pages.number_status(id, number)
        return json_answer(
            NumberBody(
                exists=found.exists,
                id=found.id,
                name=found.name,
                is_blocked=found.is_blocked,
                is_business=found.is_business,
            )
        )

    @route("GET", f"{CONTACT}/picture", "contacts", {200: Answer("Where it is.", PictureBody)}, _FAILS)
    async def get_picture(self, id: SessionPath, number: Number) -> web.StreamResponse:  # noqa: A002
        """Get the address of a profile picture."""
        answer = await self._pages.ask(id, PageCall.PICTURE, {"contact": number})
        return json_answer(PictureBody.model_validate(answer))

    @route("GET", f"{CONTACT}/about", "contacts", {200: Answer("The words.", AboutBody)}, _FAILS)
    async def get_about(self, id: SessionPath, number: Number) -> web.StreamResponse:  # noqa: A002
        """Get the words beside somebody's name."""
        answer = await self._pages.ask(id, PageCall.ABOUT, {"contact": number})
        return json_answer(AboutBody.model_validate(answer))

    @route("POST", f"{CONTACT}/block", "contacts", {200: Answer("Blocked.", BlockBody)}, _FAILS)
    async def block_contact(self, id: SessionPath, number: Number) -> web.StreamResponse:  # noqa: A002
        """Block somebody: what they write does not arrive."""
        return await self._block(id, number, blocked=True)

    @route("POST", f"{CONTACT}/unblock", "contacts", {200: Answer("No longer blocked.", BlockBody)}, _FAILS)
    async def unblock_contact(self, id: SessionPath, number: Number) -> web.StreamResponse:  # noqa: A002
        """Hear somebody again."""
        return await self._block(id, number, blocked=False)

    async def _block(self, session_id: str, number: str, *, blocked: bool) -> web.StreamResponse:
        asked: dict[str, JSON] = {"contact": number, "blocked": blocked}
        return json_answer(BlockBody.model_validate(await self._pages.ask(session_id, PageCall.BLOCK, asked)))


def _says(contact: ContactBody, wanted: str) -> bool:
    names = (contact.name, contact.push_name, contact.verified_name, contact.number)
    return any(wanted in name.casefold() for name in names if name)
