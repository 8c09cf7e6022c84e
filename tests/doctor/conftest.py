"""Settings on an empty folder."""

import pytest

from wahook.settings import Settings


@pytest.fixture
def settings(tmp_path):
    """A function that makes them."""

    def make(**more) -> Settings:
        data = tmp_path / "data"
        return Settings(**{"data": data, "sessions_path": data / "whatsapp-sessions", "port": 0, **more})

    return make
