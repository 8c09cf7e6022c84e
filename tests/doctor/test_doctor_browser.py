"""Chromium and ChromeDriver, real ones and broken ones."""

from pathlib import Path

import pytest

from wahook.browser import stealth
from wahook.browser.finding import find_browser
from wahook.doctor import State, browser


def program(path: Path, script: str) -> Path:
    path.write_text(f"#!/bin/bash\n{script}\n")
    path.chmod(0o755)
    return path


@pytest.mark.browser
def test_the_browser_is_started_and_its_version_told(settings, tmp_path):
    found = browser.check_chromium(settings())
    assert found.state is State.OK, found
    assert str(find_browser().path) in found.found
    assert any(part.isdigit() for part in found.found.split()[1].split("."))
    assert list(tmp_path.iterdir()) == []


def test_a_browser_that_is_not_there_fails(settings):
    found = browser.check_chromium(settings(chromium_path=Path("/nowhere/chromium")))
    assert (found.state, found.found) == (State.FAILED, "not found")


def test_an_extra_that_is_wanted_and_not_installed_fails_with_what_to_install(settings, monkeypatch):
    monkeypatch.setattr(stealth, "LIBRARY", "no_such_library")
    found = browser.check_chromium(settings(browser_kind="undetected-chromedriver"))
    assert (found.state, found.advice) == (State.FAILED, "pip install 'wahook[stealth]'")
    assert "not installed" in found.found


def test_a_browser_that_does_not_start_fails_with_its_last_words(settings, tmp_path):
    says = "echo 'error while loading shared libraries: libnss3.so' >&2; exit 127"
    found = browser.check_chromium(settings(chromium_path=program(tmp_path / "chromium", says)))
    assert found.state is State.FAILED
    assert "libnss3.so" in found.found
    assert "install what it needs" in found.advice


def test_a_driver_of_the_browser_s_version_is_fine_and_of_another_a_doubt(settings, tmp_path):
    chromium = program(tmp_path / "chromium", "echo Chromium 156.0.8078.79 built on Debian")
    same = program(tmp_path / "same", "echo ChromeDriver 156.0.1.2")
    other = program(tmp_path / "other", "echo ChromeDriver 120.0.1.2")
    assert (
        browser.check_chromedriver(settings(chromium_path=chromium, chromedriver_path=same)).state is State.OK
    )
    found = browser.check_chromedriver(settings(chromium_path=chromium, chromedriver_path=other))
    assert (found.state, "Chromium is 156" in found.found) == (State.WARNING, True)


def test_a_driver_that_is_named_and_not_there_or_does_not_start_fails(settings, tmp_path):
    absent = browser.check_chromedriver(settings(chromedriver_path=tmp_path / "absent"))
    broken = browser.check_chromedriver(settings(chromedriver_path=program(tmp_path / "driver", "exit 1")))
    assert [absent.state, broken.state] == [State.FAILED, State.FAILED]


def test_wa_js_is_told_with_its_version_and_fails_when_it_is_missing(settings, tmp_path):
    found = browser.check_wa_js(settings())
    assert (found.state, found.found[0].isdigit()) == (State.OK, True)
    assert browser.check_wa_js(settings(wa_js_path=tmp_path / "absent.js")).state is State.FAILED


def test_the_dashboard_s_part_is_looked_for_where_the_service_looks(settings, monkeypatch, tmp_path):
    assert browser.check_dashboard(settings()).state is State.OK
    monkeypatch.setattr("wahook.npm.HERE", tmp_path)
    monkeypatch.chdir(tmp_path)
    assert "make setup" in browser.check_dashboard(settings()).advice
