"""What random trees are drawn from."""

import logging
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck
from hypothesis import strategies as st

from supervision import BackOff, Jitter, Restart

RESTARTS = st.sampled_from(Restart)
NAMES = st.sampled_from("abcdef")
SCRIPT = st.lists(st.sampled_from(["ok", "ok", "crash", "ignore"]), max_size=6)
BACKOFF = BackOff(1.0, 8.0, jitter=Jitter(1, 1), reset_after=5.0, max_consecutive=3)
SLOW = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


@pytest.fixture(autouse=True)
def silent() -> Iterator[None]:
    """Ten thousand scripted crashes need no log."""
    logger = logging.getLogger("supervision")
    logger.setLevel(logging.CRITICAL + 1)
    yield
    logger.setLevel(logging.NOTSET)
