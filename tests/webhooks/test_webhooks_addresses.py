"""Where webhooks may go: every disguise of a private address is refused, at set-up or at the connection."""

import socket
import threading

import pytest
from aiohttp.abc import AbstractResolver

from actors.durable import TaskState
from actors.errors import RuleBroken
from actors.model import SessionConfig, Webhook
from wahook.addresses import (
    AddressRule,
    ForbiddenAddress,
    GuardedResolver,
    fault_of_url,
    rule_of,
)
from wahook.notify.webhooks.posting import Poster, open_client

from .house import Clock, until
from .test_webhooks_line import one

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
FORBIDDEN = [
    *("127.0.0.1", "127.8.8.8", "0.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1"),
    *("169.254.169.254", "192.0.2.1", "198.18.0.1", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1", "2001:db8::1"),
    *("::ffff:127.0.0.1", "::ffff:10.0.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe"),
    *("2002:7f00:1::", "2002:a00:1::", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b:1::7f00:1"),
    *("fec0::1", "::ffff:0:127.0.0.1", "not an address", "", "127.1", "0x7f.0.0.1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_permitted(address):
    assert AddressRule().permits(address)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_all_others_are_not(address):
    assert not AddressRule().permits(address)


def test_a_setting_allows_networks_and_nothing_beside_them():
    rule = rule_of(["10.0.0.0/8", "fd00::/8"])
    assert [rule.permits(each) for each in ("10.9.9.9", "::ffff:10.9.9.9", "fd12::1")] == [True] * 3
    assert [rule.permits(each) for each in ("192.168.1.1", "127.0.0.1", "fe80::1", "10.0.0")] == [False] * 4
    assert rule_of(["*"]).permits("127.0.0.1")


@pytest.mark.parametrize("word", ["10.0.0.0/33", "private", "10.0.0.1/8", "http://10.0.0.1"])
def test_a_setting_that_is_no_network_is_refused(word):
    with pytest.raises(ValueError, match=r".+"):
        rule_of([word])


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("https://hooks.example.org/a?b=c", None),
        ("http://8.8.8.8:8080/", None),
        ("http://[2606:4700:4700::1111]/", None),
        ("ftp://example.org/", "must begin with"),
        ("file:///etc/passwd", "must begin with"),
        ("https://", "must begin with"),
        ("//example.org", "must begin with"),
        ("http://user:pw@example.org/", "neither a user"),
        ("http://example.org/#x", "fragment"),
        ("http://example.org:0/", "port"),
        ("http://example.org:99999/", "not a URL"),
        ("http://127.0.0.1/", "not public"),
        ("http://[::1]/", "not public"),
        ("http://[fe80::1%25eth0]/", "not public"),
        ("http://localhost/", "not public"),
        ("http://LOCALHOST./", "not public"),
        ("http://x.localhost/", "not public"),
        ("http://169.254.169.254/latest/meta-data", "not public"),
        *(
            (f"http://{odd}/", "four decimal")
            for odd in ("127.1", "0177.0.0.1", "2130706433", "0", "127.0.0.1.")
        ),
        *((f"http://{none}/", "not a URL") for none in ("a..b", "xn--", "a" * 64, "[::1", "...")),
    ],
)
def test_what_is_known_against_a_url_before_the_dns_is_asked(url, fault):
    found = fault_of_url(url, AddressRule())
    assert (found is None) if fault is None else (fault in str(found))


class Dns(AbstractResolver):
    """Answers with what a test says, as a hostile server would."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses

    async def resolve(self, host, port=0, family=socket.AF_INET):
        return [
            {"hostname": host, "host": each, "port": port, "family": family, "proto": 0, "flags": 0}
            for each in self.addresses
        ]

    async def close(self):
        pass


async def test_a_name_leads_only_to_those_of_its_addresses_that_are_permitted():
    resolver = GuardedResolver(AddressRule(), Dns("10.0.0.1", "8.8.8.8", "::ffff:127.0.0.1"))
    assert [each["host"] for each in await resolver.resolve("mixed.test", 80)] == ["8.8.8.8"]


async def test_a_name_that_leads_only_inside_is_refused():
    with pytest.raises(ForbiddenAddress):
        await GuardedResolver(AddressRule(), Dns("127.0.0.1")).resolve("inside.test", 80)


@pytest.mark.parametrize("host", ["localtest.internal", "2130706433", "0x7f000001", "127.1", "0"])
async def test_no_spelling_of_this_machine_is_ever_connected_to(receiver, host, monkeypatch):
    known = socket.getaddrinfo

    def getaddrinfo(name, *rest, **more):
        return known("127.0.0.1" if str(name).endswith(".internal") else name, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    rule = AddressRule()
    async with open_client(rule, 5) as http:
        webhook = Webhook(f"http://{host}:{receiver.port}/")
        outcome = await Poster(http, rule, "t").post(webhook, one(1), Clock()())
    assert outcome.status is None
    wanted = "not public" if host.startswith(("local", "0x")) else "four decimal numbers"
    assert wanted in str(outcome.error)
    assert receiver.calls == []


async def test_the_service_refuses_such_a_receiver_when_it_is_set(open_house):
    house = open_house(webhook_allowed_networks="10.0.0.0/8")
    house.webhooks.check(SessionConfig(webhooks=(Webhook("http://10.1.1.1/"), Webhook("https://a.test"))))
    with pytest.raises(RuleBroken, match="WEBHOOK_ALLOWED_NETWORKS") as refused:
        house.webhooks.check(SessionConfig(webhooks=(Webhook("http://192.168.0.1/"),)))
    assert refused.value.code == "webhook_refused"


async def test_one_that_got_in_before_the_setting_was_tightened_is_not_called(open_house, receiver):
    house = open_house(webhook_allowed_networks="")
    await house.account(receiver.url)
    await house.arrive()

    def refused():
        return [each for each in house.deliveries(TaskState.PENDING) if each.attempts]

    (delivery,) = await until("an attempt", refused)
    assert "not public" in str(delivery.last_error)
    assert receiver.calls == []


async def test_names_that_nobody_resolves_delay_no_other_receiver(house, receiver, monkeypatch):
    answered, asked, resolve = threading.Event(), set(), socket.getaddrinfo

    def slow(host, *rest, **more):
        if host.startswith("slow"):
            asked.add(host)
            assert answered.wait(60)
        return resolve("127.0.0.1" if host.endswith(".test") else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", slow)
    try:
        await house.account(*(f"http://slow{number}.test:1/" for number in range(48)))
        await house.arrive()
        await until("they are asked for", lambda: len(asked) == 48)
        await house.account(f"http://good.test:{receiver.port}/hook", session="user_2_wa_2")
        await house.arrive(session="user_2_wa_2")
        await receiver.got(1)
    finally:
        answered.set()
