"""Which way mails go, from the settings: SMTP, POST to an endpoint, or none."""

from __future__ import annotations

from wahook.notify.mail.endpoint import EndpointWay
from wahook.notify.mail.sender import Way
from wahook.settings import Settings
from wahook.settings_sources import SettingsError

HERE = frozenset({"localhost", "127.0.0.1", "::1"})


def mail_way(settings: Settings) -> Way | None:
    """None when mails are off. SettingsError for settings that do not go together."""
    if settings.smtp_host is not None and settings.mail_endpoint is not None:
        raise SettingsError("SMTP_HOST and MAIL_ENDPOINT: set one of them, mails go one way")
    if settings.smtp_host is not None:
        return _smtp(settings, settings.smtp_host)
    if settings.mail_endpoint is None:
        return None
    secret = settings.mail_endpoint_secret
    plain = None if secret is None else secret.get_secret_value()
    return EndpointWay(settings.mail_endpoint, plain, settings.mail_deadline)


def _smtp(settings: Settings, host: str) -> Way:
    from wahook.notify.mail.smtp import SmtpAccount, SmtpWay  # noqa: PLC0415  # only where it is used

    password = settings.smtp_password
    if settings.smtp_from is None:
        raise SettingsError("SMTP_HOST needs SMTP_FROM: an address that mails come from")
    if (settings.smtp_user is None) != (password is None):
        raise SettingsError("SMTP_USER and SMTP_PASSWORD: set both or neither")
    if settings.smtp_security == "none" and password is not None and host not in HERE:
        raise SettingsError("SMTP_SECURITY=none would send SMTP_PASSWORD unencrypted: use starttls or tls")
    account = SmtpAccount(
        host=host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        sender=settings.smtp_from,
        user=settings.smtp_user,
        password=None if password is None else password.get_secret_value(),
        ca_file=settings.smtp_ca_file,
        deadline=settings.mail_deadline,
    )
    try:
        return SmtpWay(account)
    except OSError as error:
        raise SettingsError(f"SMTP_CA_FILE: cannot be used: {error.strerror or error}") from None
