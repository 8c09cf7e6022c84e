"""Every setting, from the environment or a file; `config/wahook.toml` shows them all with their defaults.

Read once at start by `read_settings`; a wrong value ends it with the variable's name and what it may be.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import unquote

from pydantic import AliasChoices, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, NoDecode, PydanticBaseSettingsSource, SettingsConfigDict

from wahook.browser.finding import BrowserKind
from wahook.settings_messages import MessageSettings
from wahook.settings_notify import NotifySettings
from wahook.settings_sources import ConfigFile, Environment, explain
from wahook.settings_webhooks import WebhookSettings

Seconds = Annotated[float, Field(gt=0)]
Rate = Annotated[
    str,
    Field(
        pattern=r"^[1-9][0-9]*/(second|minute|hour|day)$", description="like 10/minute; or second, hour, day"
    ),
]


def _capitals(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


class Settings(NotifySettings, WebhookSettings, MessageSettings):
    """One field per variable; the variable is the field's name in capitals unless an alias is given."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True, extra="ignore", populate_by_name=True, frozen=True, hide_input_in_errors=True
    )

    port: int = Field(4000, ge=0, le=65535)
    host: str = "127.0.0.1"
    data: Path = Field(Path("data"), validation_alias=AliasChoices("WAHOOK_DATA", "data"))
    sessions_path: Path = Path()  # unset: $WAHOOK_DATA/whatsapp-sessions
    redis_url: SecretStr | None = None  # unset: embedded
    database_url: SecretStr | None = None  # unset: SQLite in WAHOOK_DATA
    supabase_url: str | None = None
    supabase_service_key: SecretStr | None = None
    supabase_anon_key: SecretStr | None = None
    supabase_mirror: Literal["all", "received", "off"] = "all"  # which messages; accounts always, unless off
    supabase_deadline: Seconds = 15  # one request
    whatsapp_url: str = "https://web.whatsapp.com"
    browser_kind: BrowserKind | None = None  # unset: a headless shell, else a full Chromium
    chromium_path: Path | None = Field(
        None, validation_alias=AliasChoices("CHROMIUM_PATH", "PUPPETEER_EXECUTABLE_PATH", "chromium_path")
    )
    chromedriver_path: Path | None = None
    wa_js_path: Path | None = None  # unset: npm's, under node_modules
    api_key: SecretStr | None = Field(None, validation_alias=AliasChoices("WAHOOK_API_KEY", "api_key"))
    heartbeat_interval: Seconds = 120
    watchdog_interval: Seconds = 60
    activity_interval: Seconds = 30
    reconnect_base_delay: Seconds = 2
    reconnect_max_delay: Seconds = 300
    reconnect_max_attempts: int = Field(20, ge=1)
    restart_on_auth_fail: bool = True
    qr_max_retries: int = Field(5, ge=1)
    sync_deadline: Seconds = 300
    session_rate_limit: Rate = "10/minute"
    user_rate_limit: Rate = "30/minute"
    duplicate_window: float = Field(300, ge=0)
    test_message_to: str | None = Field(None, pattern=r"^[0-9]{5,20}$", description="a number: digits only")
    memory_limit_mb: int = Field(450, ge=64)
    session_memory_mb: int = Field(250, ge=32)
    memory_interval: Seconds = 15
    idle_cleanup_after: Seconds = 1800
    idle_action: Literal["reconnect", "unload", "nothing"] = "reconnect"
    janitor_interval: Seconds = 3600
    delivered_kept_for: Seconds = 604800
    cors_origins: Annotated[tuple[str, ...], NoDecode] = ()
    profile_store: Literal["directory", "s3", "supabase"] | None = None  # unset: profiles stay on this disk
    profile_store_url: str | None = None  # a folder, an S3 endpoint, a Supabase project (SUPABASE_URL)
    profile_store_bucket: str = "whatsapp-profiles"
    profile_store_region: str = "us-east-1"
    profile_store_key_id: str | None = None
    profile_store_secret: SecretStr | None = None  # for Supabase, unset: SUPABASE_SERVICE_KEY
    profile_store_deadline: Seconds = 60
    profile_key: SecretStr | None = Field(
        None, description="32 bytes as 64 hex digits or base64, or passphrase: and 16 characters or more"
    )
    profile_backup_interval: Seconds = 300
    log_format: Literal["console", "json"] = "console"
    log_level: Annotated[Literal["DEBUG", "INFO", "WARNING", "ERROR"], BeforeValidator(_capitals)] = "INFO"
    page_call_deadline: Seconds = 10
    send_deadline: Seconds = 30
    open_deadline: Seconds = 60
    stop_deadline: Seconds = 10

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        *_: object,
        **__: object,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, then the environment, then the file that WAHOOK_CONFIG names."""
        return init_settings, Environment(settings_cls), ConfigFile(settings_cls)

    @model_validator(mode="before")
    @classmethod
    def _split_origins(cls, values: dict[str, object]) -> dict[str, object]:
        for name in ("CORS_ORIGINS", "cors_origins"):
            if isinstance(text := values.get(name), str):
                values[name] = tuple(origin.strip() for origin in text.split(",") if origin.strip())
        return values

    @model_validator(mode="after")
    def _place_sessions(self) -> Settings:
        if self.sessions_path == Path():
            object.__setattr__(self, "sessions_path", self.data / "whatsapp-sessions")
        if self.media_path == Path():
            object.__setattr__(self, "media_path", self.data / "media")
        return self

    @property
    def database(self) -> str:
        """SQLAlchemy URL of the journal."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{(self.data / 'wahook.db').resolve()}"

    @property
    def secrets(self) -> frozenset[str]:
        """All that must be shown nowhere; of a URL its password."""
        held = [value for _, value in self if isinstance(value, SecretStr)]
        for webhook in self.webhooks:
            held += [one for one in (webhook.secret, webhook.previous_secret) if one is not None]
            held += webhook.headers.values()
        return frozenset(part for one in held for part in _secret_parts(one.get_secret_value()))


def _secret_parts(text: str) -> tuple[str, ...]:
    if "://" not in text:
        return (text,)
    password = text.partition("://")[2].rpartition("@")[0].partition(":")[2]
    return password, unquote(password)


def read_settings() -> Settings:
    """The settings of this process; SettingsError, which is to be printed as it is, when one is wrong."""
    try:
        return Settings()
    except ValidationError as error:
        raise explain(error, Settings.model_fields) from None
