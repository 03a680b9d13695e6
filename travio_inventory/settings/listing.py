"""The settings in words, for people: each with its value, its source, and what is allowed."""

from collections.abc import Sequence
from typing import NamedTuple

from travio_inventory.settings.component import Component
from travio_inventory.settings.environment import is_set, name_used, names
from travio_inventory.settings.loading import CHOSEN_BY, CHOSEN_BY_BROKERS, COMPONENTS, Settings
from travio_inventory.settings.words import plain


class Setting(NamedTuple):
    """One setting in words. `source`: its variable, "default", or "given" in code. `in_effect` is what holds instead of
    the value, "" if the value does.
    """

    name: str
    also: str
    value: str
    in_effect: str
    default: str
    allowed: str
    source: str
    description: str


def listed(settings: Settings) -> Sequence[Setting]:
    """Every setting, component by component. A password within an address is masked."""
    return [
        _listed(settings, getattr(settings, name), field)
        for name, kind in COMPONENTS.items()
        for field in kind.model_fields
    ]


def _listed(settings: Settings, component: Component, field: str) -> Setting:
    key, info = component.keys()[field], type(component).model_fields[field]
    name, *also = names(key)
    return Setting(
        name=name,
        also=", ".join(also),
        value=plain(getattr(component, field)),
        in_effect=component.in_effect.get(field, ""),
        default=plain(info.default),
        allowed=component.allowed(field),
        source=_source(settings, key) if field in component.model_fields_set else "default",
        description=info.description or "",
    )


def _source(settings: Settings, key: str) -> str:
    """What set it: its own variable, or the address that selects it."""
    address = "kafka_brokers" if key in CHOSEN_BY_BROKERS else CHOSEN_BY.get(key, (key, ""))[0]
    decided_by = key if key in settings.given or is_set(key) else address
    return "given" if decided_by in settings.given else name_used(decided_by)
