"""The patched copy of ChromeDriver: whose it is, when it is made, and what cannot be patched."""

import sys
from pathlib import Path

import pytest

from actors.errors import ProcessError
from wahook.browser import stealth
from wahook.browser.finding import BrowserKind, find_chromedriver
from wahook.browser.stealth import patched_driver
from wahook.loop import LoopThread
from wahook.settings import Settings
from wahook.whatsapp.factory import Browsers

needs_extra = pytest.mark.skipif(
    stealth.find_spec(stealth.LIBRARY) is None,
    reason="undetected-chromedriver is not installed: the extra `stealth`",
)
PLANTED = b"{window.cdc_adoQpoasnfa76pfcZLmcfl_Array = window.Array;}"


def driver(path: Path, content: bytes = PLANTED) -> Path:
    path.write_bytes(b"\x7fELF" + content + b"\0rest")
    return path


@needs_extra
def test_a_private_copy_is_patched_once_and_the_original_never(tmp_path: Path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    original, folder = driver(tmp_path / "chromedriver"), tmp_path / "stealth"
    before = original.read_bytes()
    copy = patched_driver(original, folder, owner="test")
    assert original.read_bytes() == before
    assert (b"window.cdc_" in copy.read_bytes(), len(copy.read_bytes())) == (False, len(before))
    assert (folder.stat().st_mode & 0o777, copy.stat().st_mode & 0o777) == (0o700, 0o700)
    made = copy.stat()
    assert patched_driver(original, folder, owner="test") == copy
    assert (copy.stat().st_ino, copy.stat().st_mtime_ns) == (made.st_ino, made.st_mtime_ns)
    assert stealth.LIBRARY not in sys.modules, "GPL code in our process"
    assert not (tmp_path / "home").exists(), "the library has left something in a home"


@needs_extra
def test_another_version_of_the_original_gets_a_copy_of_its_own_and_the_old_one_goes(tmp_path: Path):
    folder = tmp_path / "stealth"
    old = patched_driver(driver(tmp_path / "chromedriver"), folder, owner="test")
    new = patched_driver(driver(tmp_path / "chromedriver", PLANTED + b"newer"), folder, owner="test")
    assert old != new
    assert list(folder.glob("chromedriver*")) == [new]


@needs_extra
def test_a_driver_without_the_place_to_patch_is_refused_and_leaves_no_copy(tmp_path: Path):
    with pytest.raises(ProcessError, match="cannot patch"):
        patched_driver(driver(tmp_path / "chromedriver", b"nothing"), tmp_path / "stealth", owner="test")
    assert not list((tmp_path / "stealth").glob("chromedriver*"))


def test_without_the_extra_the_service_says_what_to_install(tmp_path: Path, monkeypatch):
    monkeypatch.setattr(stealth, "LIBRARY", "no_such_library")
    settings = Settings(data=tmp_path / "data", browser_kind=BrowserKind.UNDETECTED)
    with pytest.raises(ProcessError, match=r"pip install 'wahook\[stealth\]'"):
        Browsers.from_settings(settings, LoopThread("unused"))


@needs_extra
def test_the_service_s_chromedriver_is_the_patched_copy_in_its_data_folder(tmp_path: Path):
    settings = Settings(data=tmp_path / "data", browser_kind=BrowserKind.UNDETECTED)
    browsers = Browsers.from_settings(settings, LoopThread("unused"))
    (copy,) = (tmp_path / "data" / "stealth").glob("chromedriver-*")
    assert browsers.driver is not None
    assert browsers.driver._command()[0] == str(copy)
    assert copy.stat().st_size == find_chromedriver().stat().st_size
