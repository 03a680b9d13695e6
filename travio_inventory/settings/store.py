"""Where the record is kept."""

from pathlib import Path
from typing import Literal

from travio_inventory.settings.component import Component, setting


class StoreSettings(Component):
    """Which store, and the folder of the embedded one."""

    kind: Literal["embedded", "scylla", "memory"] = setting(
        "STORE",
        "embedded",
        "the record: embedded = SQLite in TRAVIO_DATA; scylla = the cluster at SCYLLA_HOSTS, which chooses it; "
        "memory = gone with the process",
    )
    data: Path = setting(
        "DATA", Path("./data"), "folder of the embedded store, which no other process may use, and of events.jsonl"
    )
