"""Settings to ways of mail: what goes together, and what is said when it does not."""

import pytest

from wahook.notify.mail.endpoint import EndpointWay
from wahook.notify.mail.smtp import SmtpWay
from wahook.notify.mail.ways import mail_way
from wahook.settings import Settings
from wahook.settings_sources import SettingsError

SMTP = {"smtp_host": "mail.example.org", "smtp_from": "wahook@example.org"}
LOGIN = {"smtp_user": "me", "smtp_password": "a-secret-word"}


def way(**settings):
    return mail_way(Settings(**settings))


def test_mails_are_off_by_default():
    assert way() is None
    assert way(notify_email="a@b.org") is None


def test_each_way_is_found():
    assert isinstance(way(**SMTP), SmtpWay)
    assert isinstance(way(**SMTP, **LOGIN), SmtpWay)
    assert isinstance(way(mail_endpoint="https://app.example.org/mail"), EndpointWay)


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        ({**SMTP, "mail_endpoint": "https://a.test/"}, "SMTP_HOST and MAIL_ENDPOINT"),
        ({"smtp_host": "mail.example.org"}, "SMTP_FROM"),
        ({**SMTP, "smtp_user": "me"}, "SMTP_USER and SMTP_PASSWORD"),
        ({**SMTP, **LOGIN, "smtp_security": "none"}, "SMTP_SECURITY=none"),
        ({**SMTP, "smtp_ca_file": "/nowhere/ca.pem"}, "SMTP_CA_FILE"),
    ],
)
def test_what_does_not_go_together_is_named_without_secrets(settings, names):
    with pytest.raises(SettingsError, match=names) as raised:
        way(**settings)
    assert "a-secret-word" not in str(raised.value)


def test_a_password_may_go_unencrypted_to_this_machine_only():
    assert isinstance(way(**{**SMTP, **LOGIN, "smtp_host": "127.0.0.1", "smtp_security": "none"}), SmtpWay)


@pytest.mark.parametrize(
    ("name", "value"),
    [("NOTIFY_TIMEZONE", "Europe/Atlantis"), ("NOTIFY_EMAIL", "no address"), ("NOTIFY_LANGUAGE", "de")],
)
def test_a_setting_that_cannot_be_used_ends_the_start(monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(ValueError):
        Settings()
