"""What an operator can set: read once from the environment, checked as a whole, never changed."""

from travio_inventory.settings.auth import AuthSettings
from travio_inventory.settings.background import BackgroundSettings
from travio_inventory.settings.edge import EdgeSettings
from travio_inventory.settings.environment import BARE_NAMES, PREFIX, names
from travio_inventory.settings.events import EventSettings
from travio_inventory.settings.events_in import EventInSettings
from travio_inventory.settings.holds import HoldSettings
from travio_inventory.settings.http import HttpSettings
from travio_inventory.settings.limits import LimitSettings
from travio_inventory.settings.listing import Setting, listed
from travio_inventory.settings.loading import COMPONENTS, KEYS, Settings, SettingsError, load_settings, shadowed
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

__all__ = [
    "BARE_NAMES",
    "COMPONENTS",
    "KEYS",
    "PREFIX",
    "AuthSettings",
    "BackgroundSettings",
    "EdgeSettings",
    "EventInSettings",
    "EventSettings",
    "HoldSettings",
    "HttpSettings",
    "LimitSettings",
    "LogSettings",
    "MetricsSettings",
    "RateSettings",
    "RedisSettings",
    "RetentionSettings",
    "ScyllaSettings",
    "ServerSettings",
    "Setting",
    "Settings",
    "SettingsError",
    "StockSettings",
    "StoreSettings",
    "TraceSettings",
    "TripSettings",
    "listed",
    "load_settings",
    "names",
    "shadowed",
]
