"""The shared ChromeDriver, as its actor looks after it."""

import os
import signal

import pytest

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
