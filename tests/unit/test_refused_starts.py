"""What a person has set and the service cannot use is told in one line, without what is secret in it."""

import pytest

from actors.errors import ProcessError
from wahook import data_lock
from wahook.outbox.connection import connect


def test_a_data_folder_that_cannot_be_made_or_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    for data in (tmp_path / "file", tmp_path / "file" / "data"):
        with pytest.raises(ProcessError, match=r"cannot keep data in .*; set WAHOOK_DATA"):
            data_lock.take(data)


def test_a_data_folder_is_made_for_its_owner_alone(tmp_path):
    with data_lock.holding(tmp_path / "new" / "data"):
        assert (tmp_path / "new" / "data").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("url", ["", "host:6379", "http://user:hush@host", "redis://user:hush@host:port/0"])
def test_what_is_no_address_of_a_redis_says_so(url):
    with pytest.raises(ProcessError, match="REDIS_URL is not a URL") as caught:
        connect(url)
    assert "hush" not in str(caught.value)
