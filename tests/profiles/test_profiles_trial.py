"""A profile that does not work is recognised, set aside, and not confused with a page that does not."""

from pathlib import Path

import pytest

from actors.errors import TransientLoss
from actors.messages import BrowserLost, DocumentLoaded, LoggedOut, QrShown, StateChanged
from actors.model import PageState
from tests.whatsapp.conftest import Phones
from wahook.loop import LoopThread
from wahook.profiles import Profiles, Tenant
from wahook.profiles.trial import Finding, Suspicion
from wahook.settings import Settings
from wahook.simulator import SimulatorThread
from wahook.whatsapp.factory import Browsers

from .conftest import SESSION, made_profile
from .test_profiles_tenancy import Browser

LOGGED_IN = StateChanged(PageState(authenticated=True, stream_mode="SYNCING", socket_state="OPENING"))
LOADING = StateChanged(PageState(authenticated=False, stream_mode="LOADING", socket_state="OPENING"))
MARK = "Default/Preferences"


# -- the policy ---------------------------------------------------------------------------------------------


def silent(suspicion: Suspicion, times: int) -> Suspicion:
    for _ in range(times):
        suspicion, finding = suspicion.heard(DocumentLoaded("x"))
        assert finding is Finding.NOTHING
        suspicion = suspicion.ended()
    return suspicion


def test_three_openings_in_a_row_that_show_nothing_make_a_suspect():
    assert not silent(Suspicion(), 2).due
    assert silent(Suspicion(), 3).due


@pytest.mark.parametrize("known", [QrShown("a"), LOGGED_IN, LoggedOut("LOGOUT")])
def test_a_known_state_clears_the_profile(known):
    suspicion, finding = silent(Suspicion(), 2).heard(known)
    assert (suspicion, finding) == (Suspicion(), Finding.CLEARED)


def test_a_page_that_only_loads_is_no_known_state():
    assert silent(Suspicion(), 2).heard(LOADING)[1] is Finding.NOTHING


def test_a_page_that_works_without_it_finds_the_profile_guilty():
    suspicion, finding = silent(Suspicion(), 3).begin().heard(QrShown("a"))
    assert (suspicion, finding) == (Suspicion(), Finding.GUILTY)


def test_a_page_that_does_not_work_without_it_either_clears_it_and_makes_us_more_patient():
    suspicion = silent(Suspicion(), 3).begin().ended()
    assert not suspicion.trial
    assert not silent(suspicion, 5).due
    assert silent(suspicion, 6).due


def test_no_profile_is_to_blame_for_a_network_that_is_down():
    suspicion = silent(Suspicion(), 2).heard(BrowserLost("page_unreachable"))[0]
    assert not suspicion.ended().due


# -- the tenant ---------------------------------------------------------------------------------------------


@pytest.fixture
def browser():
    made = Browser()
    made.opening.set_result(None)
    made.closing.set_result(None)
    return made


@pytest.fixture
def tenant(browser, profiles):
    made_profile(profiles.path(SESSION))
    made = Tenant(browser, SESSION, profiles)
    yield made
    made.kill()


def give_up(tenant, times, first=1):
    for number in range(first, first + times):
        tenant.open(number, lambda _: None).result(10)
        tenant.kill()


def has_login(profiles: Profiles) -> bool:
    return (profiles.path(SESSION) / MARK).exists()


def test_the_fourth_opening_is_without_the_profile(tenant, profiles):
    give_up(tenant, 3)
    tenant.open(4, lambda _: None).result(10)
    assert not has_login(profiles)


def test_an_innocent_profile_is_back_for_the_opening_after_the_trial(tenant, profiles):
    give_up(tenant, 4)
    tenant.open(5, lambda _: None).result(10)
    assert has_login(profiles)
    assert profiles.set_aside_of(SESSION) == []


def test_a_guilty_profile_is_set_aside_and_the_new_code_stands(tenant, browser, profiles):
    give_up(tenant, 3)
    heard = []
    tenant.open(4, heard.append).result(10)
    browser.emit(QrShown("a"))
    wait_for(lambda: profiles.set_aside_of(SESSION))
    tenant.kill()
    tenant.open(5, lambda _: None).result(10)
    assert not has_login(profiles)
    assert (profiles.set_aside_of(SESSION)[0] / MARK).exists()
    assert heard == [QrShown("a")]


def test_a_stop_before_the_page_showed_anything_is_no_suspicion(tenant, profiles):
    for number in range(1, 6):
        tenant.open(number, lambda _: None).result(10)
        tenant.close().result(10)
        tenant.kill()
    tenant.open(6, lambda _: None).result(10)
    assert has_login(profiles)


def test_a_page_out_of_reach_is_no_suspicion(browser, profiles):
    made_profile(profiles.path(SESSION))
    browser.opening = type(browser.opening)()
    browser.opening.set_exception(TransientLoss("page_unreachable"))
    tenant = Tenant(browser, SESSION, profiles)
    for number in range(1, 6):
        with pytest.raises(TransientLoss):
            tenant.open(number, lambda _: None).result(10)
        tenant.kill()
    assert has_login(profiles)


def test_a_trial_that_a_killed_service_left_is_ended_in_the_profiles_favour(tenant, browser, profiles):
    give_up(tenant, 3)
    tenant.open(4, lambda _: None).result(10)
    tenant.kill()
    another = Tenant(browser, SESSION, Profiles(profiles.root))
    another.open(1, lambda _: None).result(10)
    assert has_login(profiles)
    another.kill()


def wait_for(probe, patience=40.0):
    import time  # noqa: PLC0415

    ends = time.monotonic() + patience
    while not probe():
        assert time.monotonic() < ends
        time.sleep(0.01)


# -- a real browser -----------------------------------------------------------------------------------------


@pytest.mark.browser
def test_three_real_openings_that_show_nothing_end_in_a_new_code(tmp_path: Path):
    """The page is given up as soon as it is there, before it can show anything."""
    loop = LoopThread("test")
    loop.start()
    with SimulatorThread() as simulator:
        settings = Settings(data=tmp_path, whatsapp_url=simulator.url)
        browsers = Browsers.from_settings(settings, loop)
        profiles = Profiles(tmp_path / "sessions")
        tenant = Tenant(browsers.client(SESSION, profiles.path(SESSION)), SESSION, profiles)
        codes, loaded = [], []

        def hear(event):
            if isinstance(event, QrShown):
                codes.append(event.code)
            elif isinstance(event, DocumentLoaded):
                loaded.append(event)

        tenant.open(1, hear).result(60)
        wait_for(lambda: codes)
        tenant.close().result(40)
        codes.clear()
        phones = Phones(simulator.url)
        phones.post("0", "faults", kind="slow_boot", seconds=60, times=0)
        for number in (2, 3, 4):
            loaded.clear()
            tenant.open(number, hear).result(60)
            wait_for(lambda: loaded)
            tenant.kill()
        assert codes == []
        phones.post("0", "faults", kind="clear")
        tenant.open(5, hear).result(60)
        wait_for(lambda: codes)
        wait_for(lambda: profiles.set_aside_of(SESSION))
        tenant.close().result(40)
    loop.stop(5)
