import pytest

from wahook.browser import makers
from wahook.browser.makers import sandbox_available

FULL = "CapPrm:\t0000000000000000\nCapBnd:\t000001ffffffffff\n"
DOCKER = "CapPrm:\t0000000000000000\nCapBnd:\t00000000a80425fb\n"


def yes():
    return True


def no():
    return False


def test_root_is_never_sandboxed():
    assert not sandbox_available(root=True, namespaces=yes, status=FULL)


def test_user_namespaces_are_enough():
    assert sandbox_available(root=False, namespaces=yes, status=DOCKER)


@pytest.mark.parametrize(("status", "possible"), [(FULL, True), (DOCKER, False), ("nothing of use", False)])
def test_the_setuid_helper_needs_a_capability_that_containers_take_away(
    monkeypatch, tmp_path, status, possible
):
    helper = tmp_path / "chrome-sandbox"
    helper.touch()
    monkeypatch.setattr(makers, "HELPER", helper)
    assert sandbox_available(root=False, namespaces=no, status=status) is possible


def test_without_a_helper_there_is_no_other_way(monkeypatch, tmp_path):
    monkeypatch.setattr(makers, "HELPER", tmp_path / "missing")
    assert not sandbox_available(root=False, namespaces=no, status=FULL)
