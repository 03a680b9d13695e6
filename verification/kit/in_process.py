"""The service in this process: what it is set to, for `open_inventory`, `running` and `working`."""

from pathlib import Path

from travio_inventory.settings import Settings, load_settings


def settings_of(folder: Path | None = None, **changed: object) -> Settings:
    """Embedded in the folder, or in memory and silent without one; jobs come often, any free port will do."""
    store = {"store": "memory", "events": "none"} if folder is None else {"store": "embedded", "data": folder / "data"}
    quick = {"edge": "local", "sweep_interval_ms": 20, "relay_interval_ms": 20, "clock_bound_ms": 0}
    return load_settings(**store | quick | {"grpc_host": "127.0.0.1", "grpc_port": 0} | changed)
