"""Operations on people: number check, profile, pictures, blocking."""

import base64

from wahook.simulator.calls import Call, Operations
from wahook.simulator.network import Network
from wahook.simulator.numbers import is_on_whatsapp, lid, number_of_lid
from wahook.simulator.wire import Answer


class People:
    """The people operations of a page."""

    def __init__(self, network: Network) -> None:
        """Work on this network."""
        self._network = network

    def operations(self) -> Operations:
        """By the name that pages use."""
        return {
            "query_exists": self._query_exists,
            "picture": self._picture,
            "about": self._about,
            "set_pushname": self._set_pushname,
            "set_about": self._set_about,
            "set_picture": self._set_picture,
            "block": self._block,
        }

    def _query_exists(self, call: Call) -> Answer:
        asked = call.text("number")
        digits = number_of_lid(asked) if call.request.get("lid") else asked
        known = self._network.accounts.get(digits)
        return {
            "exists": known is not None or is_on_whatsapp(digits),
            "number": digits,
            "lid": lid(digits),
            "business": known is not None and known.business,
        }

    def _picture(self, call: Call) -> Answer:
        known = self._network.accounts.get(call.text("number"))
        return {"path": f"/media/{known.picture}" if known and known.picture else None}

    def _about(self, call: Call) -> Answer:
        known = self._network.accounts.get(call.text("number"))
        return {"text": known.about if known else ""}

    def _block(self, call: Call) -> Answer:
        change = call.account.blocked.add if call.request["blocked"] else call.account.blocked.discard
        change(call.text("number"))
        return {}

    def _set_pushname(self, call: Call) -> Answer:
        call.account.profile_name = call.text("name")
        return {}

    def _set_about(self, call: Call) -> Answer:
        call.account.about = call.text("text")
        return {}

    def _set_picture(self, call: Call) -> Answer:
        if call.request.get("data") is None:
            call.account.picture = None
        else:
            picture = base64.b64decode(call.text("data").rpartition(",")[2])
            call.account.picture = self._network.media.put(picture, "image/jpeg")
        return {}
