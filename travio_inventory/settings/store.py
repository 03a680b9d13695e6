"""Where the record is kept."""

from pathlib import Path
from typing import Literal

from travio_inventory.settings.component import Component, setting


class StoreSettings(Component):
    """Which store, and the folder of the embedded one."""

    kind: Literal["embedded", "scylla", "memory"] = setting(
        "STORE",
        "embedded",
        "where the record is kept: embedded = SQLite in TRAVIO_DATA; scylla = the cluster at SCYLLA_HOSTS, which "
        "selects it; memory = lost when the process ends",
    )
    data: Path = setting(
        "DATA", Path("./data"), "folder of the embedded store and of events.jsonl; one process at a time"
    )
