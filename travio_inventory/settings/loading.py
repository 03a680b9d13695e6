"""All settings of a process: those of each component, read from the environment and checked as a whole."""

import os
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, SecretStr, ValidationError

from travio_inventory.settings.auth import AuthSettings
from travio_inventory.settings.background import BackgroundSettings
from travio_inventory.settings.component import Component
from travio_inventory.settings.edge import EdgeSettings
from travio_inventory.settings.environment import is_set, name_used, names, shadowed_variables, unknown_variables
from travio_inventory.settings.events import EventSettings
from travio_inventory.settings.events_in import EventInSettings
from travio_inventory.settings.holds import HoldSettings
from travio_inventory.settings.http import HttpSettings
from travio_inventory.settings.kafka import KafkaSettings
from travio_inventory.settings.limits import LimitSettings
from travio_inventory.settings.logs import LogSettings
from travio_inventory.settings.metrics import MetricsSettings
from travio_inventory.settings.rates import RateSettings
from travio_inventory.settings.redis import RedisSettings
from travio_inventory.settings.retention import RetentionSettings
from travio_inventory.settings.scylla import ScyllaSettings
from travio_inventory.settings.server import ServerSettings
from travio_inventory.settings.stock import StockSettings
from travio_inventory.settings.store import StoreSettings
from travio_inventory.settings.traces import TraceSettings
from travio_inventory.settings.trips import TripSettings
from travio_inventory.settings.words import shown

C = TypeVar("C", bound=Component)

CHOSEN_BY = MappingProxyType(
    {
        "store": ("scylla_hosts", "scylla"),
        "edge": ("redis_addr", "redis"),
        "traces": ("otel_exporter_otlp_endpoint", "otlp"),
    }
)
"""An address selects its backend unless another one is set; otherwise the address would be ignored silently."""
CHOSEN_BY_BROKERS = ("events", "events_in", "events_in_organization")
"""Settings that KAFKA_BROKERS selects, unless they are set."""

MASK = "**********"
"""Shown instead of a secret."""
SECRET_FILES = ("password_file", "secret_file")


class SettingsError(Exception):
    """A setting is wrong; the message is one line that names it, its value and what is allowed."""


class Settings(BaseModel):
    """Every setting, by component. Read it with `load_settings`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    server: ServerSettings = Field(default_factory=ServerSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    auth: AuthSettings = Field(default_factory=AuthSettings)
    rates: RateSettings = Field(default_factory=RateSettings)
    store: StoreSettings = Field(default_factory=StoreSettings)
    scylla: ScyllaSettings = Field(default_factory=ScyllaSettings)
    edge: EdgeSettings = Field(default_factory=EdgeSettings)
    redis: RedisSettings = Field(default_factory=RedisSettings)
    kafka: KafkaSettings = Field(default_factory=KafkaSettings)
    events: EventSettings = Field(default_factory=EventSettings)
    events_in: EventInSettings = Field(default_factory=EventInSettings)
    trips: TripSettings = Field(default_factory=TripSettings)
    stock: StockSettings = Field(default_factory=StockSettings)
    holds: HoldSettings = Field(default_factory=HoldSettings)
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    limits: LimitSettings = Field(default_factory=LimitSettings)
    background: BackgroundSettings = Field(default_factory=BackgroundSettings)
    logs: LogSettings = Field(default_factory=LogSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    traces: TraceSettings = Field(default_factory=TraceSettings)

    _given: frozenset[str] = PrivateAttr(default=frozenset())

    @property
    def given(self) -> frozenset[str]:
        """Keys of the settings given in code."""
        return self._given


COMPONENTS = MappingProxyType(
    {name: cast(type[Component], info.annotation) for name, info in Settings.model_fields.items()}
)
KEYS = tuple(key for component in COMPONENTS.values() for key in component.keys().values())
_VARIABLES = frozenset(name for key in KEYS for name in names(key))


def load_settings(**given: object) -> Settings:
    """The settings of this process; values given by key (`grpc_port=0`) win over the environment.

    Raises SettingsError with everything that is wrong, on one line.
    """
    values = _chosen_by_address(given) | _chosen_by_brokers(given) | given
    wrong = [f"{key}: no such setting" for key in given if key not in KEYS]
    components: dict[str, Component] = {}
    for name, component in COMPONENTS.items():
        try:
            components[name] = _read(component, values)
        except ValidationError as failed:
            wrong += dict.fromkeys(_wrong(component, error, given) for error in failed.errors())
    wrong += unknown_variables(_VARIABLES)
    if wrong:
        raise SettingsError("; ".join(wrong))
    settings = Settings.model_validate(components)
    settings._given = frozenset(given)
    return settings


def shadowed() -> Mapping[str, str]:
    """Variables with the name of a setting that describe another service, and so are ignored."""
    return shadowed_variables(_VARIABLES)


def _read(component: type[C], given: Mapping[str, object]) -> C:
    """The component with the values of these keys. Raises ValidationError."""
    return component(**{field: given[key] for field, key in component.keys().items() if key in given})


def _chosen_by_address(given: Mapping[str, object]) -> dict[str, object]:
    return {
        key: backend
        for key, (address, backend) in CHOSEN_BY.items()
        if (address in given or is_set(address)) and not is_set(key)
    }


def _chosen_by_brokers(given: Mapping[str, object]) -> dict[str, object]:
    try:
        kafka, server = _read(KafkaSettings, given), _read(ServerSettings, given)
    except ValidationError:
        return {}  # what is wrong is told with the rest
    chosen: dict[str, object] = {
        key: value for key, value in kafka.chosen.items() if key not in given and not is_set(key)
    }
    if "events_in" in chosen and not is_set("events_in_organization"):
        chosen["events_in_organization"] = server.default_organization
    return chosen


def _wrong(component: type[Component], error: Any, given: Mapping[str, object]) -> str:  # noqa: ANN401 - pydantic's own
    """One of pydantic's errors as a line of ours."""
    said = str(error.get("ctx", {}).get("error", ""))
    if not error["loc"]:
        return said
    named = str(error["loc"][0])
    field, key = next(each for each in component.keys().items() if named in (each[0], *names(each[1])))
    used = name_used(key)
    name, value = (key, given[key]) if key in given else (used, os.environ.get(used))
    if component.model_fields[field].annotation is SecretStr or _may_be_the_secret(key, str(value)):
        value = MASK
    return f"{name}={shown(value)} {said or 'is wrong'}: allowed is {component.allowed(field)}"


def _may_be_the_secret(key: str, value: str) -> bool:
    """Whether it stands in place of the path of the file that it should be in; a whole path shows what is mistyped."""
    return key.endswith(SECRET_FILES) and not value.startswith("/")
