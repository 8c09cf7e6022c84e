"""Command lines, user agents and proxies: pure."""

from pathlib import Path

import pytest

from actors.errors import RuleBroken
from wahook.browser.finding import BrowserKind
from wahook.browser.flags import arguments, honest_user_agent
from wahook.browser.proxy import Proxy, parse_proxy

PROFILE = Path("/p")


BASE = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"


SHELL = BrowserKind.HEADLESS_SHELL


def flags(kind: BrowserKind = SHELL, *, sandbox: bool = False, **extra) -> tuple[str, ...]:
    return arguments(kind, PROFILE, user_agent=None, sandbox=sandbox, **extra)


def test_a_full_chromium_is_told_to_be_headless_in_the_new_way_and_to_keep_its_hidden_pages_closed():
    full = flags(BrowserKind.CHROMIUM)
    assert "--headless=new" in full
    assert any("WebUIOmniboxPopup" in flag for flag in full)
    assert "--headless" in flags()
    assert not any("WebUIOmniboxPopup" in flag for flag in flags())


def test_each_feature_list_is_given_once_because_chromium_only_hears_the_last():
    for kind in BrowserKind:
        names = [flag.partition("=")[0] for flag in flags(kind)]
        assert len(names) == len(set(names))


def test_without_a_sandbox_there_is_no_zygote_and_with_one_there_is():
    assert {"--no-sandbox", "--no-zygote"} <= set(flags(sandbox=False))
    assert not {"--no-sandbox", "--no-zygote"} & set(flags(sandbox=True))


def test_devtools_listens_on_loopback_on_a_port_of_the_systems_choice():
    assert {"--remote-debugging-port=0", "--remote-debugging-address=127.0.0.1"} <= set(flags())


def test_the_proxy_flag_never_holds_the_password():
    given = flags(proxy=parse_proxy("http://ada:se%20cret@proxy.example:3128"))
    assert "--proxy-server=http://proxy.example:3128" in given
    assert not any("se" + " cret" in flag or "se%20cret" in flag or "ada" in flag for flag in given)


@pytest.mark.parametrize(
    ("own", "honest"),
    [
        (f"{BASE} HeadlessChrome/156.0.8078.79 Safari/537.36", f"{BASE} Chrome/156.0.0.0 Safari/537.36"),
        ("Mozilla/5.0 Chrome/9.0.0.0 Safari/1", "Mozilla/5.0 Chrome/9.0.0.0 Safari/1"),
        ("Mozilla/5.0 Chrome/9.1.2.3", "Mozilla/5.0 Chrome/9.0.0.0"),
        ("Something/1.0", "Something/1.0"),
    ],
)
def test_the_user_agent_is_chromiums_own_as_a_window_of_it_would_send_it(own: str, honest: str):
    assert honest_user_agent(own) == honest


@pytest.mark.parametrize(
    ("text", "proxy"),
    [
        ("http://h:1", Proxy("http://h:1")),
        ("h:8080", Proxy("http://h:8080")),
        ("socks5://h:1080", Proxy("socks5://h:1080")),
        ("https://u:p%40ss@h:443", Proxy("https://h:443", "u", "p@ss")),
        ("http://[::1]:3128", Proxy("http://[::1]:3128")),
    ],
)
def test_proxies_are_read(text: str, proxy: Proxy):
    assert parse_proxy(text) == proxy


@pytest.mark.parametrize(
    "text", ["", "http://", "http://h", "ftp://h:1", "http://h:99999", "http://h:1/path"]
)
def test_bad_proxies_are_refused_without_being_quoted(text: str):
    with pytest.raises(RuleBroken) as caught:
        parse_proxy(text)
    assert caught.value.code == "bad_proxy"


def test_a_login_at_a_socks_proxy_is_refused_because_chromium_cannot():
    with pytest.raises(RuleBroken, match="SOCKS") as caught:
        parse_proxy("socks5://user:hunter2@h:1")
    assert "hunter2" not in str(caught.value)


def test_a_proxys_password_is_in_no_representation():
    assert "hunter2" not in repr(parse_proxy("http://user:hunter2@h:1"))
