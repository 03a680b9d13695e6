"""Reading settings: their values, or the error."""

import pytest

from travio_inventory.settings import COMPONENTS, Settings, SettingsError, load_settings


def refused() -> str:
    """The error of the start."""
    with pytest.raises(SettingsError) as error:
        load_settings()
    said = str(error.value)
    assert len(said.splitlines()) == 1
    return said


def values(settings: Settings) -> dict[str, object]:
    """The value of each setting, by key."""
    return {
        key: getattr(getattr(settings, name), field)
        for name, component in COMPONENTS.items()
        for field, key in component.keys().items()
    }
