"""A browser has its profile for itself; it finds it whole, restored, and trimmed; what it leaves is saved."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from actors.errors import PermanentLoss, TransientLoss
from actors.messages import PageEvent, ProfileClosed, ProfileReady, QrShown, StateChanged
from actors.model import PageState
from tests.whatsapp.conftest import Ear
from tests.whatsapp.conftest import Phones as BlockingPhones
from wahook.loop import LoopThread
from wahook.processes import sweep
from wahook.profiles import (
    Keeper,
    ProfileInUse,
    ProfileKey,
    Profiles,
    RemoteProfiles,
    StoreFailed,
    Tenant,
    tenancy,
)
from wahook.profiles.stores import DirectoryStore
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp.client import PageClient
from wahook.whatsapp.factory import Browsers

from .conftest import SESSION, made_profile

MINE = "491700000001"
DATABASE = "Default/IndexedDB/https_web.whatsapp.com_0.indexeddb.leveldb"
CONNECTED = StateChanged(PageState(authenticated=True, stream_mode="MAIN", socket_state="CONNECTED"))


class Browser(PageClient):
    """A client whose browser only exists in its answers; what it is asked is written down."""

    def __init__(self) -> None:
        self.did: list[str] = []
        self.opening: Future[None] = Future()
        self.closing: Future[None] = Future()
        self.opened = threading.Event()
        self.emit: Callable[[PageEvent], None] = lambda _: None

    def open(self, incarnation: int, emit: Callable[[PageEvent], None]) -> Future[None]:
        self.did.append(f"open {incarnation}")
        self.emit = emit
        self.opened.set()
        return self.opening

    def close(self) -> Future[None]:
        self.did.append("close")
        return self.closing

    def kill(self) -> None:
        self.did.append("kill")


class Store(DirectoryStore):
    """A folder that can be away, or keep its caller waiting."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.away = False
        self.asked = threading.Event()
        self.answer = threading.Event()
        self.answer.set()

    def list(self, folder: str) -> list:
        self.asked.set()
        assert self.answer.wait(30)
        if self.away:
            raise StoreFailed("away")
        return super().list(folder)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def keeper(profiles: Profiles, store: Store, key: ProfileKey) -> Keeper:
    return Keeper(profiles, RemoteProfiles(profiles, store, key))


@pytest.fixture
def browser() -> Browser:
    return Browser()


@pytest.fixture
def told() -> list[object]:
    return []


@pytest.fixture
def tenant(browser: Browser, profiles: Profiles, keeper: Keeper, told: list[object]) -> Iterator[Tenant]:
    made = Tenant(browser, SESSION, profiles, keeper=keeper, tell=told.append)
    yield made
    made.kill()


def opened(tenant: Tenant, browser: Browser) -> None:
    browser.opening.set_result(None)
    tenant.open(1, lambda _: None).result(10)


def is_free(profiles: Profiles) -> bool:
    try:
        profiles.lock(SESSION, "a test").release()
    except ProfileInUse:
        return False
    return True


def test_the_profile_is_locked_from_open_until_the_browser_has_closed(
    tenant: Tenant, browser: Browser, profiles: Profiles, told: list[object]
):
    opened(tenant, browser)
    assert not is_free(profiles)
    assert profiles.path(SESSION).stat().st_mode & 0o777 == 0o700
    closing = tenant.close()
    assert not closing.done()
    assert not is_free(profiles)
    browser.closing.set_result(None)
    closing.result(10)
    assert is_free(profiles)
    assert told == [ProfileClosed(SESSION)]


def test_a_kill_frees_the_profile_at_once_and_a_new_incarnation_takes_it_again(
    tenant: Tenant, browser: Browser, profiles: Profiles
):
    opened(tenant, browser)
    tenant.kill()
    assert is_free(profiles)
    tenant.open(2, lambda _: None).result(10)
    assert not is_free(profiles)
    assert browser.did == ["open 1", "kill", "open 2"]


def test_a_profile_that_another_service_uses_is_left_to_it(
    tenant: Tenant, browser: Browser, profiles: Profiles
):
    with profiles.lock(SESSION, "the other service"), pytest.raises(TransientLoss, match="the other service"):
        tenant.open(1, lambda _: None).result(10)
    assert browser.did == []


def test_an_error_of_the_browser_itself_comes_through(tenant: Tenant, browser: Browser):
    browser.opening.set_exception(PermanentLoss("no_browser"))
    with pytest.raises(PermanentLoss, match="no_browser"):
        tenant.open(1, lambda _: None).result(10)


def test_a_missing_profile_is_restored_before_the_browser_starts(
    profiles: Profiles, store: Store, key: ProfileKey, tenant: Tenant, browser: Browser, tmp_path: Path
):
    elsewhere = Profiles(tmp_path / "elsewhere")
    made_profile(elsewhere.make(SESSION))
    RemoteProfiles(elsewhere, store, key).save(SESSION)
    opened(tenant, browser)
    assert profiles.may_have_login(SESSION)


def test_without_the_store_a_missing_profile_is_no_reason_for_a_new_code(
    tenant: Tenant, browser: Browser, store: Store
):
    store.away = True
    with pytest.raises(TransientLoss, match="profile_unavailable: StoreFailed"):
        tenant.open(1, lambda _: None).result(10)
    assert browser.did == []
    tenant.kill()
    store.away = False
    browser.opening.set_result(None)
    tenant.open(2, lambda _: None).result(10)
    assert browser.did == ["kill", "open 2"]


def test_the_wrong_key_needs_a_human_and_damaged_archives_only_a_new_code(
    profiles: Profiles, store: Store, key: ProfileKey, browser: Browser, tmp_path: Path
):
    elsewhere = Profiles(tmp_path / "elsewhere")
    made_profile(elsewhere.make(SESSION))
    RemoteProfiles(elsewhere, store, key).save(SESSION)
    other = Keeper(profiles, RemoteProfiles(profiles, store, ProfileKey.parse("ee" * 32)))
    tenant = Tenant(browser, SESSION, profiles, keeper=other)
    with pytest.raises(PermanentLoss, match="profile_key"):
        tenant.open(1, lambda _: None).result(10)
    tenant.kill()
    archived = next((tmp_path / "store").rglob("*.profile"))
    archived.write_bytes(archived.read_bytes()[:-1])
    browser.opening.set_result(None)
    tenant.open(2, lambda _: None).result(10)
    assert not profiles.may_have_login(SESSION)
    tenant.kill()


def test_a_broken_profile_is_set_aside_and_the_last_archive_takes_its_place(
    profiles: Profiles, keeper: Keeper, tenant: Tenant, browser: Browser
):
    made_profile(profiles.make(SESSION))
    keeper.ready(SESSION, 0)
    keeper.save(SESSION, 10)
    (profiles.path(SESSION) / DATABASE / "CURRENT").write_bytes(b"")
    opened(tenant, browser)
    assert (profiles.path(SESSION) / DATABASE / "CURRENT").read_bytes() == b"MANIFEST-000001\n"
    assert len(profiles.set_aside_of(SESSION)) == 1


def test_a_missing_log_is_no_reason_to_set_a_profile_aside(
    profiles: Profiles, tenant: Tenant, browser: Browser
):
    made_profile(profiles.make(SESSION))
    (profiles.path(SESSION) / DATABASE / "000003.log").unlink()
    opened(tenant, browser)
    assert profiles.set_aside_of(SESSION) == []


def test_caches_stay_until_the_profile_has_grown_large(
    profiles: Profiles, tenant: Tenant, browser: Browser, monkeypatch: pytest.MonkeyPatch
):
    path = made_profile(profiles.make(SESSION))
    opened(tenant, browser)
    assert (path / "Default/Cache").exists()
    tenant.kill()
    monkeypatch.setattr(tenancy, "TRIM_ABOVE", 100_000)
    tenant.open(2, lambda _: None).result(10)
    assert not (path / "Default/Cache").exists()


def test_a_kill_while_the_profile_is_prepared_ends_the_opening_and_starts_no_browser(
    tenant: Tenant, browser: Browser, store: Store, profiles: Profiles
):
    store.answer.clear()
    opening = tenant.open(1, lambda _: None)
    assert store.asked.wait(30)
    tenant.kill()
    with pytest.raises(TransientLoss, match="killed"):
        opening.result(0)
    assert is_free(profiles)
    browser.opening.set_result(None)
    second = tenant.open(2, lambda _: None)
    store.answer.set()
    second.result(10)
    assert browser.did == ["kill", "open 2"]


def test_the_archiver_hears_of_connections_and_the_session_of_everything(
    tenant: Tenant, browser: Browser, told: list[object]
):
    heard: list[PageEvent] = []
    browser.opening.set_result(None)
    tenant.open(1, heard.append).result(10)
    browser.emit(QrShown("code"))
    browser.emit(CONNECTED)
    assert heard == [QrShown("code"), CONNECTED]
    assert told == [ProfileReady(SESSION)]


@pytest.mark.browser
def test_a_real_session_moves_to_a_node_that_never_saw_it_without_a_new_code(
    tmp_path: Path, key: ProfileKey, store: Store
):
    loop = LoopThread("test-profiles-loop")
    loop.start()
    with SimulatorThread(sync_delay=0.05) as simulator:
        browsers = Browsers.from_settings(Settings(data=tmp_path / "data", whatsapp_url=simulator.url), loop)

        def node(name: str) -> tuple[Tenant, Keeper, list[object]]:
            profiles, told = Profiles(tmp_path / name), []
            keeper = Keeper(profiles, RemoteProfiles(profiles, store, key))
            client = browsers.client(SESSION, profiles.path(SESSION))
            return Tenant(client, SESSION, profiles, keeper=keeper, tell=told.append), keeper, told

        try:
            first, keeper, told = node("first")
            ear = Ear()
            first.open(1, ear).result(60)
            BlockingPhones(simulator.url).post(MINE, "scan", code=ear.wait(QrShown).code)
            ear.connected()
            first.close().result(40)
            assert set(told) == {ProfileReady(SESSION), ProfileClosed(SESSION)}
            keeper.ready(SESSION, 0)
            assert keeper.closed(SESSION, 0).changed
            second, _, _ = node("second")
            ear = Ear()
            second.open(1, ear).result(60)
            ear.connected()
            assert ear.all(QrShown) == []
            second.close().result(40)
        finally:
            assert loop.stop(30)
            assert sweep(browsers.owner) == []
