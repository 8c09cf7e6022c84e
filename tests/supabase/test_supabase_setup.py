import asyncio
import subprocess
import sys

import pytest

from tests.service.house import settings_for
from wahook.mirror import OptionalMirror
from wahook.settings_sources import SettingsError

from .postgrest import KEY

URL = "https://project.supabase.co"


def mirror(tmp_path, **changes) -> OptionalMirror:
    def system():
        raise AssertionError("nobody is to be told yet")

    return OptionalMirror(settings_for(tmp_path, "http://127.0.0.1:1", **changes), system)


def test_nothing_of_supabase_is_loaded_where_it_is_not_set_up():
    look = "import sys, wahook.service; print([m for m in sys.modules if m.startswith(%r)])"
    parts = ("postgrest", "supabase", "storage3", "httpx", "wahook.supabase.")
    done = subprocess.run(
        [sys.executable, "-c", look % (parts,)], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("changes", [{}, {"supabase_url": URL, "supabase_mirror": "off"}])
def test_without_a_mirror_the_journal_notes_nothing_and_health_says_so(tmp_path, changes):
    none = mirror(tmp_path, **changes)
    assert none.policy is None
    assert none.children(lambda account: None) == ()
    assert none.health() == {"connected": False}
    none.start()
    none.stop()


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"supabase_url": URL}, "SUPABASE_SERVICE_KEY"),
        ({"supabase_url": "project", "supabase_service_key": "sesame"}, "URL"),
    ],
)
def test_half_a_setup_ends_the_start_with_what_is_missing(tmp_path, changes, word):
    with pytest.raises(SettingsError, match=word) as caught:
        mirror(tmp_path, **changes)
    assert "sesame" not in str(caught.value)


def test_only_what_arrived_is_noted_where_that_is_set(tmp_path):
    both = {"supabase_url": URL, "supabase_service_key": "key"}
    assert mirror(tmp_path, **both).policy.outgoing
    assert not mirror(tmp_path, **both, supabase_mirror="received").policy.outgoing


SHIP = """
import asyncio, sys
from wahook import logs
logs.configure("console", "DEBUG", sys.stdout)
from wahook.supabase.project import Project
from wahook.supabase.records import Table
from wahook.supabase.tables import SupabaseTables

async def main():
    tables = SupabaseTables(Project(sys.argv[1], sys.argv[2]), 5.0)
    await tables.upsert(Table.ACCOUNTS, [{"session_id": "user_sesame_wa_2", "id": "2", "user_id": "sesame"}])
    assert await tables.adopt({"id": "2", "user_id": "sesame", "phone_number": "491510000001"})
    await tables.close()
    print("done")

asyncio.run(main())
"""


async def test_no_log_level_shows_what_is_asked_of_supabase(postgrest):
    shipping = await asyncio.create_subprocess_exec(
        sys.executable, "-c", SHIP, postgrest.url, KEY, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    out, _ = await asyncio.wait_for(shipping.communicate(), 30)
    assert out.decode().strip().endswith("done"), out.decode()
    for secret in (KEY, "sesame", "491510000001"):
        assert secret not in out.decode()
    assert postgrest.rows("whatsapp_accounts", "phone_number") == ["491510000001"]
