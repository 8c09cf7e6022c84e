"""From the settings to what the service needs of this package."""

from __future__ import annotations

from pydantic import SecretStr

from wahook.profiles.errors import StoreFailed
from wahook.profiles.keeper import Keeper
from wahook.profiles.keys import ProfileKey
from wahook.profiles.local import Profiles
from wahook.profiles.remote import RemoteProfiles
from wahook.profiles.stores.choose import StoreKind, StoreSettings, open_store
from wahook.settings import Settings
from wahook.settings_sources import SettingsError


def keeper_of(settings: Settings, profiles: Profiles) -> Keeper | None:
    """The keeper of archives, None if no store is set. SettingsError names what is missing."""
    if settings.profile_store is None:
        return None
    if settings.profile_key is None:
        raise SettingsError("PROFILE_STORE needs PROFILE_KEY: archives are never stored unsealed")
    try:
        key = ProfileKey.parse(settings.profile_key.get_secret_value())
        remote = RemoteProfiles(profiles, open_store(_store_settings(settings)), key)
    except (ValueError, StoreFailed) as error:
        raise SettingsError(str(error)) from None
    return Keeper(profiles, remote, interval=settings.profile_backup_interval)


def _store_settings(settings: Settings) -> StoreSettings:
    kind = StoreKind(settings.profile_store or "")
    url, secret = settings.profile_store_url, settings.profile_store_secret
    if kind is StoreKind.SUPABASE:
        url, secret = url or settings.supabase_url, secret or settings.supabase_service_key
    return StoreSettings(
        kind,
        url,
        settings.profile_store_bucket,
        settings.profile_store_key_id,
        _plain(secret),
        settings.profile_store_region,
        settings.profile_store_deadline,
    )


def _plain(secret: SecretStr | None) -> str | None:
    return None if secret is None else secret.get_secret_value()
