"""From the settings to e-mails, test messages and AI replies: their parts, actors, and who hears what."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from uuid import uuid4

from actors import greeter, notices, tree
from actors.assistant import AssistantParts
from actors.events import Event, MessageReceived
from actors.greeter import GreeterParts, Greeting
from actors.heard import Heard
from actors.mailer import GivenUp, MailerParts, TakenDown
from actors.model import Account
from actors.notice_desk import NoticeDesk, Throttle
from actors.notices import Patience
from actors.ports import Calendar
from supervision import ChildSpec, System, Transition
from wahook.announcer import Announcer
from wahook.board import Board
from wahook.edge import qr
from wahook.edge.ports import Draft, Messages
from wahook.giving_up import given_up
from wahook.journal.chats import ChatReader
from wahook.journal.opening import OpenedJournal
from wahook.loop import LoopThread
from wahook.notify.ai.client import AiClient, Endpoint
from wahook.notify.ai.phone import AskSession
from wahook.notify.ai.policy import AiPolicy
from wahook.notify.ai.replier import OutboxReplier, ReplierParts
from wahook.notify.mail.compose import Composer, notice_of
from wahook.notify.mail.letters import greeting_text
from wahook.notify.mail.sender import AsyncMailSender, Way
from wahook.notify.mail.texts import Texts, load_texts
from wahook.notify.mail.ways import mail_way
from wahook.notify.people import Preferences
from wahook.settings import Settings
from wahook.settings_sources import SettingsError

STOP_DEADLINE = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NotifyParts:
    """What the service lends. `system`, `messages` and `ask_page` are used only once it runs."""

    journal: OpenedJournal
    announcer: Announcer
    board: Board
    calendar: Calendar
    system: Callable[[], System]
    messages: Callable[[], Messages]
    ask_page: AskSession


class Notifications:
    """`children` go into the tree; `start` before it runs, `stop` after it has ended.

    Construction raises SettingsError for settings that do not go together. What is not set up has no actor.
    """

    def __init__(self, settings: Settings, parts: NotifyParts) -> None:
        self._settings = settings
        self._parts = parts
        way = mail_way(settings)
        self._ai = None if settings.ai_base_url is None else self._make_client()
        self._texts: Texts = load_texts()
        self._preferences = Preferences(
            settings.notify_email, settings.notify_language, settings.notify_timezone
        )
        self._loop = LoopThread("notify")
        self._mail = None if way is None else self._make_sender(way)
        self._ends: list[Callable[[], None]] = []

    # -- life -------------------------------------------------------------------------------------------

    def children(self) -> tuple[ChildSpec, ...]:
        """The actors, for the tree."""
        found = [tree.assistant(self._assistant())]
        if self._mail is not None:
            found.append(tree.mailer(self._mailer(self._mail)))
        if self._settings.test_message_to is not None:
            found.append(tree.greeter(self._greeter(self._settings.test_message_to)))
        return tuple(found)

    def start(self) -> None:
        """Before the tree starts, so that nothing is missed."""
        self._loop.start()
        self._ends = [
            self._parts.announcer.subscribe(self._heard),
            self._parts.system().subscribe(self._changed),
        ]

    def stop(self) -> None:
        """After the tree has ended. Idempotent."""
        while self._ends:
            self._ends.pop()()
        if self._loop.running:
            wait(self._closing(), STOP_DEADLINE)
        self._loop.stop(STOP_DEADLINE)

    def _closing(self) -> list[Future[None]]:
        closing = [] if self._mail is None else [self._mail.close()]
        return closing if self._ai is None else [*closing, self._loop.submit(self._ai.close())]

    # -- who hears what ---------------------------------------------------------------------------------

    def _heard(self, event: Event) -> None:
        system = self._parts.system()
        if isinstance(event, MessageReceived):
            system.handle(tree.ASSISTANT).tell(Heard(event))
        if self._mail is not None and isinstance(event, notices.NEWS):
            system.handle(tree.MAILER).tell(Heard(event))
        if self._settings.test_message_to is not None and isinstance(event, greeter.NEWS):
            system.handle(tree.GREETER).tell(Heard(event))

    def _changed(self, transition: Transition) -> None:
        """Supervision's word that it restarts a session no more."""
        session_id = given_up(transition)
        if self._mail is not None and session_id is not None:
            self._parts.system().handle(tree.MAILER).tell(GivenUp(session_id))

    def by_hand(self, account: Account) -> None:
        """Somebody stopped, logged out or deleted a session on purpose. Any thread; never blocks."""
        if self._mail is not None:
            self._parts.system().handle(tree.MAILER).tell(TakenDown(account))

    # -- parts ------------------------------------------------------------------------------------------

    def _make_sender(self, way: Way) -> AsyncMailSender:
        return AsyncMailSender(
            self._loop,
            way,
            self._texts,
            link=self._settings.notify_link,
            code_picture=self._code_picture if self._settings.notify_qr_image else None,
            deadline=self._settings.mail_deadline + 5.0,
        )

    def _code_picture(self, session_id: str) -> bytes | None:
        view = self._parts.board.get(session_id)
        return None if view is None or view.qr_code is None else qr.png(view.qr_code)

    def _mailer(self, sender: AsyncMailSender) -> MailerParts:
        settings, journal = self._settings, self._parts.journal
        patience = Patience(away_after=settings.notify_away_after, asked=settings.notify_interval)
        return MailerParts(
            sender=sender,
            desk=NoticeDesk(patience, Throttle(settings.notify_interval)),
            account=journal.reader.account,
            due=journal.queues.due_mails,
            recent=journal.queues.mails_since,
            last=lambda: [one for mail in journal.queues.last_mails() if (one := notice_of(mail))],
            compose=Composer(self._preferences, without_address=settings.mail_endpoint is not None),
            calendar=self._parts.calendar,
            writer_path=tree.WRITER,
            interval=settings.notify_interval,
        )

    def _greeter(self, to: str) -> GreeterParts:
        return GreeterParts(
            send=lambda greeting: self._loop.submit(self._greet(to, greeting)),
            stamp=lambda: uuid4().hex,
            at_each_connection=self._settings.test_message_each_time,
        )

    async def _greet(self, to: str, greeting: Greeting) -> object:
        account = self._parts.journal.reader.account(greeting.session_id)
        wanted = self._preferences if account is None else self._preferences.of(account.config)
        text = greeting_text(
            self._texts, wanted.language, greeting.phone_number, self._parts.calendar(), wanted.timezone
        )
        return await self._accept(
            greeting.session_id, Draft(to=to, body=text), key=greeting.key, allow_duplicate=True
        )

    async def _accept(
        self, session_id: str, draft: Draft, *, key: str | None, allow_duplicate: bool
    ) -> object:
        accept = self._parts.messages().accept
        return await accept(session_id, draft, key=key, allow_duplicate=allow_duplicate)

    def _assistant(self) -> AssistantParts:
        settings, journal = self._settings, self._parts.journal
        parts = ReplierParts(
            loop=self._loop,
            client=self._ai,
            policy=_ai_policy(settings),
            reader=journal.reader,
            chats=ChatReader(journal.engines.read),
            accept=self._accept,
            ask_page=self._parts.ask_page,
            calendar=self._parts.calendar,
            typing_speed=settings.ai_typing_speed,
        )
        return AssistantParts(
            replier=OutboxReplier(parts),
            announce=self._parts.announcer,
            gather=settings.ai_gather,
            at_once=settings.ai_at_once,
        )

    def _make_client(self) -> AiClient:
        settings = self._settings
        if settings.ai_model is None:
            raise SettingsError("AI_BASE_URL needs AI_MODEL")
        return AiClient(
            Endpoint(
                base_url=settings.ai_base_url or "",
                key=None if settings.ai_key is None else settings.ai_key.get_secret_value(),
                stream=settings.ai_stream,
                tokens_field=settings.ai_tokens_field,
                deadline=settings.ai_deadline,
                silence=settings.ai_silence,
            )
        )


def _ai_policy(settings: Settings) -> AiPolicy:
    return AiPolicy(
        system_prompt=settings.ai_system_prompt,
        model=settings.ai_model or "",
        context_messages=settings.ai_context_messages,
        max_tokens=settings.ai_max_tokens,
        pause=settings.ai_pause,
        max_age=settings.ai_max_age,
        groups=settings.ai_groups,
        replies_per_hour=settings.ai_replies_per_hour,
        replies_per_day=settings.ai_replies_per_day,
    )
