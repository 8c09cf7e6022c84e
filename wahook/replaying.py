"""What was given up is sent again: deliveries and mails, in the same way."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from actors.durable import Delivery, Mail
from actors.errors import RuleBroken

MOST_AT_ONCE = 1000  # that one call sends again


async def replay_all(dead: Sequence[Delivery | Mail], again: Callable[[str], Awaitable[object]]) -> int:
    """Have `again` replay each by its id, in the order given; how many it did.

    One that is no more dead, or no more there, is passed over. What else `again` raises is raised at the end.
    """
    results = await asyncio.gather(*(again(one.id) for one in dead), return_exceptions=True)
    for failure in results:
        if isinstance(failure, BaseException) and not isinstance(failure, RuleBroken):
            raise failure
    return sum(isinstance(one, Delivery | Mail) for one in results)
