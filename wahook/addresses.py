"""Where requests may go when a client names the place: public addresses, and networks that a setting allows.

A name is resolved and judged at the moment of the connection, and the connection goes to the judged address:
an answer of the DNS that changes in between changes nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import DefaultResolver
from yarl import URL

Address: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_NOT_PUBLIC = (  # though `ipaddress` takes them for it
    ipaddress.IPv6Network("fec0::/10"),  # site-local
    # those that hide another address
    ipaddress.IPv6Network("::/96"),  # IPv4-compatible
    ipaddress.IPv6Network("::ffff:0:0:0/96"),  # IPv4-translated
    ipaddress.IPv6Network("64:ff9b:1::/48"),  # local NAT64
    ipaddress.IPv6Network("2001::/32"),  # Teredo
)


class ForbiddenAddress(OSError):
    """A receiver's address is neither public nor allowed."""


@dataclass(frozen=True, slots=True)
class AddressRule:
    """`allowed`: networks that may be reached although they are not public; `anywhere`: all may.

    `setting` is what can allow more, for the words of a refusal.
    """

    allowed: tuple[Network, ...] = ()
    anywhere: bool = False
    setting: str = "WEBHOOK_ALLOWED_NETWORKS"

    def permits(self, text: str) -> bool:
        """Whether an address, as text, may be connected to."""
        try:
            address = _unwrapped(ipaddress.ip_address(text.partition("%")[0]))
        except ValueError:
            return False
        if self.anywhere or any(address in network for network in self.allowed):
            return True
        inside = isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _NOT_PUBLIC)
        return address.is_global and not address.is_multicast and not inside


def rule_of(networks: Iterable[str], setting: str = "WEBHOOK_ALLOWED_NETWORKS") -> AddressRule:
    """From a setting's words: networks such as 10.0.0.0/8, or `*`. ValueError for anything else."""
    words = tuple(networks)
    allowed = tuple(ipaddress.ip_network(word) for word in words if word != "*")
    return AddressRule(allowed, "*" in words, setting)


def fault_of_url(text: str, rule: AddressRule) -> str | None:
    """What is wrong with a receiver's URL, without asking the DNS; None: nothing is known against it."""
    try:
        url = URL(text)
        host = url.host or ""
        (url.raw_host or "").encode("idna")  # as the resolver does: a label may be empty or too long
        port = url.explicit_port
    except ValueError:
        return "is not a URL"
    return "must not name port 0" if port == 0 else _fault(url, host, rule)


def _fault(url: URL, host: str, rule: AddressRule) -> str | None:
    if url.scheme not in {"http", "https"} or not host:
        return "must begin with http:// or https:// and name a host"
    if url.user is not None or url.password is not None or url.raw_fragment:
        return "must hold neither a user, a password nor a fragment; headers can carry a key"
    if _is_odd_address(host):
        return "must write an IPv4 address as four decimal numbers"
    if not _host_permitted(host, rule):
        return f"leads to an address that is not public; {rule.setting} can allow it"
    return None


def _is_odd_address(host: str) -> bool:
    """Whether it is one as the C library reads them (127.1, 0177.0.0.1, 2130706433): not for us to guess."""
    if not host.replace(".", "").isdecimal():
        return False
    try:
        ipaddress.IPv4Address(host)
    except ValueError:
        return True
    return False


def _host_permitted(host: str, rule: AddressRule) -> bool:
    """Names pass, for they are judged when they are resolved; except those that mean this machine."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith((".localhost", ".localdomain")):
        return rule.permits("127.0.0.1") or rule.permits("::1")
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return True
    return rule.permits(host)


class GuardedResolver(AbstractResolver):
    """Resolves names as usual and gives only the addresses that the rule permits."""

    def __init__(self, rule: AddressRule, inner: AbstractResolver | None = None) -> None:
        self._rule = rule
        self._inner = inner or DefaultResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily | Literal[0] = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """ForbiddenAddress when none of the host's addresses is permitted."""
        found = await self._inner.resolve(host, port, socket.AddressFamily(family))
        permitted = [one for one in found if self._rule.permits(one["host"])]
        if found and not permitted:
            raise ForbiddenAddress(f"the address is not public; {self._rule.setting} can allow it")
        return permitted

    async def close(self) -> None:
        """Release what the resolver holds."""
        await self._inner.close()


def _unwrapped(address: Address) -> Address:
    """The IPv4 address inside an IPv6 one that carries it."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address.sixtofour is not None:
            return address.sixtofour
        if address in _NAT64:
            return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address
