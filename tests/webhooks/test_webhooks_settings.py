"""Receivers of every session, from the environment and a file; wrong ones are told without their secrets."""

import json

import pytest

from actors.model import Webhook
from wahook.settings import read_settings
from wahook.settings_sources import SettingsError


def read(monkeypatch, value: str) -> tuple[Webhook, ...]:
    monkeypatch.setenv("WEBHOOKS", value)
    return tuple(one.webhook() for one in read_settings().webhooks)


def test_urls_separated_by_commas(monkeypatch):
    found = read(monkeypatch, "https://a.test/x, https://b.test/y")
    assert found == (Webhook("https://a.test/x"), Webhook("https://b.test/y"))


def test_everything_as_json(monkeypatch):
    one = {
        "url": "https://a.test/x",
        "events": ["message:*"],
        "headers": {"X-Token": "t"},
        "secret": "the-new-one",
        "previous_secret": "the-old-one",
    }
    found = read(monkeypatch, json.dumps([one, "https://b.test/y"]))
    assert found == (
        Webhook("https://a.test/x", ("message:*",), (("X-Token", "t"),), ("the-new-one", "the-old-one")),
        Webhook("https://b.test/y"),
    )


def test_everything_from_a_file(monkeypatch, tmp_path):
    file = tmp_path / "wahook.toml"
    file.write_text('webhooks = [{url = "https://a.test/x", secret = "the-secret"}, "https://b.test/y"]\n')
    monkeypatch.setenv("WAHOOK_CONFIG", str(file))
    found = tuple(one.webhook() for one in read_settings().webhooks)
    assert found == (Webhook("https://a.test/x", secrets=("the-secret",)), Webhook("https://b.test/y"))


@pytest.mark.parametrize(
    "value",
    [
        "not a url",
        "ftp://a.test",
        "https://user:hidden-thing@a.test/",
        '[{"url": "https://a.test", "events": ["redy"], "secret": "hidden-thing"}]',
        '[{"url": "https://a.test", "secrets": "hidden-thing"}]',
        '[{"secret": "hidden-thing"}]',
        '[{"url": "https://a.test", "secret": "hidden-thing"',
        '[{"url": "https://a.test", "headers": {"X-Token": ["hidden-thing"]}}]',
        "[7]",
        "https://a.test/x,https://b.test,https://a.test/x",
        '[{"url": "https://a.test", "headers": {"X-Token": "hidden-thing\\r\\nX-Other: 1"}}]',
        '[{"url": "https://a.test", "headers": {"X Token": "hidden-thing"}}]',
        '[{"url": "https://a.test", "headers": {"Content-Length": "3"}}]',
        '[{"url": "https://a.test", "headers": {"x-webhook-id": "mine"}}]',
        '[{"url": "https://a.test", "secret": ""}]',
    ],
)
def test_what_cannot_be_used_ends_the_start_and_shows_no_secret(monkeypatch, value):
    with pytest.raises(SettingsError, match=r"^WEBHOOKS: ") as error:
        read(monkeypatch, value)
    assert "hidden-thing" not in str(error.value)


@pytest.mark.parametrize("value", ["10.0.0.0/33", "private", "10.0.0.0/8,x"])
def test_networks_that_are_none_end_the_start(monkeypatch, value):
    monkeypatch.setenv("WEBHOOK_ALLOWED_NETWORKS", value)
    with pytest.raises(SettingsError, match=r"^WEBHOOK_ALLOWED_NETWORKS"):
        read_settings()


def test_secrets_are_not_in_what_is_printed(monkeypatch):
    one = {"url": "https://a.test", "headers": {"X-Token": "hidden-thing"}, "secret": "hidden-thing"}
    monkeypatch.setenv("WEBHOOKS", json.dumps([one]))
    settings = read_settings()
    assert "hidden-thing" not in repr(settings)
    assert "hidden-thing" not in repr(settings.webhooks[0].webhook())
