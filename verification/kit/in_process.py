"""The service in this process: its settings, for `open_inventory`, `running` and `working`."""

from pathlib import Path

from travio_inventory.settings import Settings, load_settings


def settings_of(folder: Path | None = None, **changed: object) -> Settings:
    """The embedded store in the folder, or without one the store in memory and no events; jobs run often, on any free
    port.
    """
    store = {"store": "memory", "events": "none"} if folder is None else {"store": "embedded", "data": folder / "data"}
    quick = {"edge": "local", "sweep_interval_ms": 20, "relay_interval_ms": 20, "clock_bound_ms": 0}
    ports = {"grpc_host": "127.0.0.1", "grpc_port": 0, "http_port": "off", "metrics_port": "off"}
    return load_settings(**store | quick | ports | changed)
