"""What mails say: both languages, both forms, and nothing of what others wrote gets out of its place."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from string import Template

import pytest

from actors.durable import Mail
from actors.model import Account, SessionConfig
from actors.notices import Kind, Notice
from wahook.notify.mail.compose import Composer
from wahook.notify.mail.letters import greeting_text, letter
from wahook.notify.mail.texts import LANGUAGES, load_texts
from wahook.notify.people import Preferences, local_time

TEXTS = load_texts()
NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
ID = "user_1_wa_2"
ACCOUNT = Account(ID, "1", "2", phone_number="34600000000", profile_name="Ana")
DEFAULTS = Preferences("owner@example.org", "es", "Europe/Madrid")
NOTICE = Notice(Kind.DISCONNECTED, ID, NOON, "CONFLICT", permanent=True)


def mail_of(notice=NOTICE, account=ACCOUNT, **preferences) -> Mail:
    return Composer(replace(DEFAULTS, **preferences))(notice, account)


def written(notice=NOTICE, account=ACCOUNT, link=None, picture=None, **preferences):
    return letter(mail_of(notice, account, **preferences), TEXTS, link, picture)


class Visible(HTMLParser):
    """The text that a reader sees, and the tags around it."""

    def __init__(self, html):
        super().__init__()
        self.text, self.tags = [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)

    def handle_data(self, data):
        self.text.append(data)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", Kind)
def test_every_occasion_has_its_words_in_every_language(kind, language):
    found = written(replace(NOTICE, kind=kind), language=language)
    assert "+34600000000" in found.subject
    assert "\n" not in found.subject
    seen = "".join(Visible(found.html).text)
    for part in ("+34600000000", "Ana", ID):
        assert part in found.text
        assert part in seen
    assert "$" not in found.text + found.html


def test_both_languages_have_the_same_texts_with_the_same_blanks():
    def blanks(language):
        sections = TEXTS.words[language].sections
        return {
            (section, name): sorted(set(Template(text).get_identifiers()))
            for section, texts in sections.items()
            for name, text in texts.items()
        }

    assert blanks("es") == blanks("en")


def test_a_loss_that_may_heal_has_other_words_than_one_that_needs_somebody():
    trying = written(replace(NOTICE, permanent=False, away=300, reason="killed"))
    assert "Seguimos intentando" in trying.text
    assert "5 min" in trying.text
    assert "no puede volver por sí solo" in written().text


def test_the_reason_is_told_in_words_and_by_its_name():
    assert "Razón: la cuenta se usa en otro navegador (CONFLICT)" in written().text
    assert "Reason: SOMETHING_NEW" in written(replace(NOTICE, reason="SOMETHING_NEW"), language="en").text


def test_times_are_in_the_accounts_zone():
    assert "01/07/2026 14:00 (Europe/Madrid)" in written().text
    own = replace(ACCOUNT, config=SessionConfig(timezone="America/New_York", language="en"))
    assert "2026-07-01 08:00 (America/New_York)" in written(account=own).text


def test_a_zone_that_this_machine_does_not_know_falls_back_to_utc():
    assert local_time(NOON, "Mars/Olympus", "%H:%M") == "12:00 (UTC)"


def test_a_sessions_own_address_language_and_zone_come_first():
    config = SessionConfig(notify_email="ana@example.org", language="en")
    mail = mail_of(account=replace(ACCOUNT, config=config))
    assert (mail.recipient, mail.payload["language"]) == ("ana@example.org", "en")
    assert mail.payload["timezone"] == "Europe/Madrid"


def test_nobody_to_write_to_is_no_mail_unless_the_endpoint_knows_the_address():
    nobody = replace(DEFAULTS, email=None)
    assert Composer(nobody)(NOTICE, ACCOUNT) is None
    assert Composer(nobody, without_address=True)(NOTICE, ACCOUNT).recipient == ""


@pytest.mark.parametrize(("left_out", "words"), [(1, "un aviso más"), (7, "7 avisos más")])
def test_what_was_left_out_is_told(left_out, words):
    assert words in written(replace(NOTICE, suppressed=left_out)).text
    assert "buzón" not in written().text


def test_what_others_wrote_is_escaped_in_html_and_breaks_no_line():
    evil = replace(ACCOUNT, profile_name="<script>alert(1)</script>\r\nBcc: all@example.org")
    found = written(replace(NOTICE, reason='<img src="x">'), account=evil, link="https://a.test/?a=1&b=<b>")
    tags = set(Visible(found.html).tags)
    assert tags <= {"html", "head", "meta", "title", "body", "div", "h1", "p", "table", "tr", "td"}
    assert "&lt;script&gt;" in found.html
    assert not re.search(r"^Bcc:", found.text, re.MULTILINE)


def test_a_code_is_shown_only_where_one_is_given():
    assert "cid:qr" in written(replace(NOTICE, kind=Kind.NEEDS_QR), picture=b"png").html
    assert "<img" not in written(replace(NOTICE, kind=Kind.NEEDS_QR)).html


def test_an_account_that_has_no_number_yet_is_told_of_all_the_same():
    assert "sin número" in written(account=replace(ACCOUNT, phone_number=None)).subject


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3600, "60 min"), (7200, "2 h"), (200000, "2 d")],
)
def test_lengths_are_rounded_to_what_matters(seconds, words):
    assert TEXTS.of("en").length(seconds) == words


def test_the_test_message_has_the_originals_words():
    assert greeting_text(TEXTS, "es", "34600", NOON, "Europe/Madrid") == (
        "✅ WhatsApp conectado exitosamente\n📱 Número: +34600\n🕐 Hora: 01/07/2026 14:00 (Europe/Madrid)"
    )


def test_a_mail_that_no_version_of_ours_has_made_is_an_error():
    with pytest.raises((KeyError, ValueError)):
        letter(Mail("m", "unknown", "a@b.org", payload=dict(mail_of().payload)), TEXTS)
    with pytest.raises((KeyError, ValueError)):
        letter(Mail("m", "connected", "a@b.org", payload={"language": "es"}), TEXTS)
