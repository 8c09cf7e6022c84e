"""A login that whatsapp-web.js made goes on under the lean browser. `make fidelity` installs it."""

from pathlib import Path

import aiohttp
import pytest

from tests.fidelity import test_fidelity as fidelity
from tests.simulator.conftest import MINE, Phones
from wahook.profiles import Profiles, found_in, import_profile
from wahook.simulator import start_simulator

from .conftest import SESSION, is_logged_in

pytestmark = [
    pytest.mark.browser,
    pytest.mark.fidelity,
    pytest.mark.skipif(
        not (fidelity.HERE / "node_modules/whatsapp-web.js").exists(),
        reason="not installed: run make fidelity",
    ),
]


async def test_a_profile_that_whatsapp_web_js_made_logs_in_here(profiles: Profiles, tmp_path: Path):
    theirs = tmp_path / "wwebjs_auth"
    theirs.mkdir()
    simulator = await start_simulator(tls_port=0, sync_delay=fidelity.SYNC)
    try:
        async with aiohttp.ClientSession(simulator.url) as http:
            phones = Phones(http)
            client = await fidelity.start("wwebjs.js", simulator, theirs)
            try:
                await phones.post(MINE, "scan", code=await client.next("qr"))
                await client.next("linked")
            finally:
                await client.end()
            path = import_profile(profiles, found_in(theirs)[""], SESSION)
            mapping = f"--host-resolver-rules=MAP web.whatsapp.com 127.0.0.1:{simulator.tls_port}"
            assert await is_logged_in(
                path, "https://web.whatsapp.com/", mapping, "--ignore-certificate-errors"
            )
            assert (await phones.state(MINE))["linked"]
    finally:
        await simulator.stop()
