"""The headers of a webhook call, and how a receiver knows that it is ours. Pure.

`X-Webhook-Hmac` is HMAC-SHA512 over the raw body, hexadecimal, as other gateways have it.
`X-Webhook-Signature` is the same over `{id}.{timestamp}.{body}`, so that a recorded call cannot be sent again
later; it lists one `v1=…` for each secret that is valid.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence

from actors.durable import Delivery
from actors.model import Webhook

ALGORITHM = "sha512"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}")
_OURS = re.compile(r"(?i)host|connection|content-.*|transfer-encoding|expect|te|trailer|upgrade|x-webhook-.*")


def fault_of_header(name: str) -> str | None:
    """What is wrong with the name of a receiver's own header; None: nothing."""
    if not _NAME.fullmatch(name):
        return "is not a header's name"
    return "is a header that the service sets itself" if _OURS.fullmatch(name) else None


def headers(webhook: Webhook, delivery: Delivery, timestamp: int, user_agent: str) -> dict[str, str]:
    """All headers of one attempt. `timestamp`: Unix milliseconds of the attempt."""
    own = {
        "Content-Type": "application/json",
        "User-Agent": user_agent,
        "X-Webhook-Id": delivery.id,
        "X-Webhook-Request-Id": delivery.id,
        "X-Webhook-Timestamp": str(timestamp),
        "X-Webhook-Event": delivery.event,
        "X-Webhook-Attempt": str(delivery.attempts + 1),
    }
    theirs = {name: value for name, value in webhook.headers if name.lower() != "content-type"}
    return own | theirs | signatures(webhook.secrets, delivery, timestamp)


def signatures(secrets: Sequence[str], delivery: Delivery, timestamp: int) -> dict[str, str]:
    """Nothing without a secret; the newest secret comes first."""
    if not secrets:
        return {}
    over_body = [mac(secret, delivery.body) for secret in secrets]
    prefix = f"{delivery.id}.{timestamp}.".encode()
    signed = {
        "X-Webhook-Hmac": over_body[0],
        "X-Webhook-Hmac-Algorithm": ALGORITHM,
        "X-Webhook-Signature": ",".join(f"v1={mac(secret, prefix + delivery.body)}" for secret in secrets),
    }
    return signed | ({"X-Webhook-Hmac-Previous": over_body[1]} if len(over_body) > 1 else {})


def mac(secret: str, data: bytes) -> str:
    """HMAC-SHA512, 128 hexadecimal digits."""
    return hmac.new(secret.encode(), data, hashlib.sha512).hexdigest()
