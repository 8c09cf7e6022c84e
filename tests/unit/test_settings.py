"""Settings: where they come from, what wins, and what is said when one is wrong."""

from pathlib import Path

import pytest

from wahook.settings import Settings, read_settings
from wahook.settings_sources import SettingsError, variable

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No variable of the machine that runs the tests is seen."""
    for name, field in Settings.model_fields.items():
        monkeypatch.delenv(variable(name, field), raising=False)
    monkeypatch.delenv("PUPPETEER_EXECUTABLE_PATH", raising=False)
    monkeypatch.delenv("WAHOOK_CONFIG", raising=False)


@pytest.fixture
def config_file(tmp_path, monkeypatch):
    """Write a file and name it in WAHOOK_CONFIG."""

    def write(text: str) -> Path:
        path = tmp_path / "wahook.toml"
        path.write_text(text)
        monkeypatch.setenv("WAHOOK_CONFIG", str(path))
        return path

    return write


def test_without_any_variable_the_contracts_defaults_hold():
    settings = read_settings()
    assert (settings.port, settings.data, settings.session_rate_limit) == (4000, Path("data"), "10/minute")
    assert settings.sessions_path == Path("data/whatsapp-sessions")
    assert settings.database.startswith("sqlite:////")
    assert settings.redis_url is None


def test_variables_are_read_by_their_published_names(monkeypatch):
    monkeypatch.setenv("PORT", "5000")
    monkeypatch.setenv("WAHOOK_DATA", "/srv/wahook")
    monkeypatch.setenv("WAHOOK_API_KEY", "k")
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example, https://b.example")
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://db/wahook")
    settings = read_settings()
    assert settings.port == 5000
    assert settings.sessions_path == Path("/srv/wahook/whatsapp-sessions")
    assert settings.api_key is not None
    assert settings.api_key.get_secret_value() == "k"
    assert settings.cors_origins == ("https://a.example", "https://b.example")
    assert settings.database == "postgresql+psycopg://db/wahook"


def test_a_stranger_s_api_key_or_data_variable_changes_nothing(monkeypatch):
    monkeypatch.setenv("API_KEY", "of another program")
    monkeypatch.setenv("DATA", "/of/another/program")
    settings = read_settings()
    assert settings.api_key is None
    assert settings.data == Path("data")


@pytest.mark.parametrize("name", ["CHROMIUM_PATH", "PUPPETEER_EXECUTABLE_PATH"])
def test_the_browser_is_named_by_either_variable(name, monkeypatch):
    monkeypatch.setenv(name, "/opt/chromium")
    assert read_settings().chromium_path == Path("/opt/chromium")


def test_an_empty_variable_is_as_good_as_none(monkeypatch):
    monkeypatch.setenv("REDIS_URL", "")
    monkeypatch.setenv("PORT", "")
    settings = read_settings()
    assert (settings.redis_url, settings.port) == (None, 4000)


def test_the_config_file_is_read(config_file):
    config_file('port = 4100\ndata = "/srv/x"\napi_key = "k"\ncors_origins = ["https://a.example"]\n')
    settings = read_settings()
    assert (settings.port, settings.data) == (4100, Path("/srv/x"))
    assert settings.api_key is not None
    assert settings.cors_origins == ("https://a.example",)


def test_the_environment_wins_over_the_config_file(config_file, monkeypatch):
    config_file(
        'port = 4100\ndata = "/srv/x"\nchromium_path = "/a"\nlog_level = "DEBUG"\ncors_origins = ["b"]\n'
    )
    monkeypatch.setenv("PORT", "4200")
    monkeypatch.setenv("WAHOOK_DATA", "/srv/y")
    monkeypatch.setenv("PUPPETEER_EXECUTABLE_PATH", "/b")
    monkeypatch.setenv("CORS_ORIGINS", "https://a.example")
    settings = read_settings()
    assert (settings.port, settings.data, settings.chromium_path) == (4200, Path("/srv/y"), Path("/b"))
    assert settings.cors_origins == ("https://a.example",)
    assert settings.log_level == "DEBUG"


def test_arguments_win_over_all(config_file, monkeypatch):
    config_file("port = 4100\n")
    monkeypatch.setenv("PORT", "4200")
    monkeypatch.setenv("WAHOOK_DATA", "/srv/y")
    settings = Settings(port=4300, data=Path("here"))
    assert (settings.port, settings.data) == (4300, Path("here"))


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "high", "PORT is 'high': input should be a valid integer"),
        ("PORT", "65536", "PORT is '65536': input should be less than or equal to 65535"),
        ("HEARTBEAT_INTERVAL", "0", "HEARTBEAT_INTERVAL is '0': input should be greater than 0"),
        ("SESSION_RATE_LIMIT", "10 a minute", "it may be like 10/minute"),
        ("LOG_FORMAT", "xml", "LOG_FORMAT is 'xml': input should be 'console' or 'json'"),
        ("MEMORY_LIMIT_MB", "1", "MEMORY_LIMIT_MB is '1': input should be greater than or equal to 64"),
    ],
)
def test_a_wrong_value_is_answered_with_its_variable_and_what_it_may_be(name, value, told, monkeypatch):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert told in str(caught.value)


def test_all_wrong_values_are_told_at_once(monkeypatch):
    monkeypatch.setenv("PORT", "x")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    with pytest.raises(SettingsError) as caught:
        read_settings()
    assert [line.split()[0] for line in str(caught.value).splitlines()] == ["PORT", "LOG_LEVEL"]


def test_a_wrong_phone_number_is_not_repeated(monkeypatch):
    monkeypatch.setenv("TEST_MESSAGE_TO", "+49 170 0000001")
    with pytest.raises(SettingsError, match=r"^TEST_MESSAGE_TO: ") as caught:
        read_settings()
    assert "170" not in str(caught.value)


def test_a_secret_of_the_wrong_type_is_not_repeated(config_file):
    config_file("api_key = 271828\n")
    with pytest.raises(SettingsError, match="WAHOOK_API_KEY: ") as caught:
        read_settings()
    assert "271828" not in str(caught.value)


def test_an_unknown_name_in_the_config_file_is_refused(config_file):
    path = config_file("prot = 4000\n")
    with pytest.raises(SettingsError, match=f"WAHOOK_CONFIG: {path} has unknown settings: prot"):
        read_settings()


@pytest.mark.parametrize("text", ["port 4000", "port = 4000\nport = 4001\n"])
def test_a_config_file_that_is_not_toml_is_refused(text, config_file):
    path = config_file(text)
    with pytest.raises(SettingsError, match=f"WAHOOK_CONFIG: cannot read {path}: .*line"):
        read_settings()


def test_a_config_file_that_is_not_there_is_refused(monkeypatch):
    monkeypatch.setenv("WAHOOK_CONFIG", "/nowhere/wahook.toml")
    with pytest.raises(SettingsError, match=r"cannot read /nowhere/wahook\.toml: No such file"):
        read_settings()


def test_secrets_are_not_shown(monkeypatch):
    for name in ("WAHOOK_API_KEY", "SUPABASE_SERVICE_KEY", "REDIS_URL", "DATABASE_URL"):
        monkeypatch.setenv(name, "hush")
    assert "hush" not in repr(read_settings())
