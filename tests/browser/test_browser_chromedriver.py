"""The shared ChromeDriver, as its actor looks after it."""

import os
import signal
from pathlib import Path

import pytest

from actors.errors import ProcessError
from wahook.browser.driver import ChromeDriver
from wahook.browser.finding import find_chromedriver
from wahook.processes import owner_of

pytestmark = [pytest.mark.browser]
DEADLINE = 20.0


def test_a_chromedriver_answers_until_it_stands_still(loop, tmp_path):
    driver = ChromeDriver(find_chromedriver(None), loop=loop, owner=owner_of(tmp_path))
    pid = driver.start(lambda _: None).result(DEADLINE)
    try:
        assert driver.answers(5.0).result(DEADLINE)
        os.kill(pid, signal.SIGSTOP)
        assert not driver.answers(0.3).result(DEADLINE)
        os.kill(pid, signal.SIGCONT)
        assert driver.answers(5.0).result(DEADLINE)
    finally:
        driver.stop().result(DEADLINE)
    assert not driver.answers(5.0).result(DEADLINE)


def unlucky(path: Path, times: int) -> Path:
    """A ChromeDriver that finds its port taken so many times, with its own words for it."""
    path.write_text(
        f"""#!/bin/sh
        echo x >>{path}.tries
        if [ "$(wc -l <{path}.tries)" -le {times} ]; then echo 'IPv4 port not available.'; exit 1; fi
        exec {find_chromedriver()} "$@"
        """
    )
    path.chmod(0o755)
    return path


def test_a_chromedriver_that_finds_its_port_taken_takes_another(loop, tmp_path):
    driver = ChromeDriver(unlucky(tmp_path / "driver", 2), loop=loop, owner=owner_of(tmp_path))
    driver.start(lambda _: pytest.fail("told as a death")).result(DEADLINE)
    try:
        assert driver.answers(5.0).result(DEADLINE)
    finally:
        driver.stop().result(DEADLINE)


def test_a_chromedriver_that_never_finds_a_port_says_so(loop, tmp_path):
    driver = ChromeDriver(unlucky(tmp_path / "driver", 99), loop=loop, owner=owner_of(tmp_path))
    with pytest.raises(ProcessError, match="port not available"):
        driver.start(lambda _: None).result(DEADLINE)
