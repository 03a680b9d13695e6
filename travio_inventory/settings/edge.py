"""The edge in front of the store."""

from typing import Literal

from travio_inventory.settings.component import Component, setting


class EdgeSettings(Component):
    """Which edge, and how long it may trust what it saw."""

    kind: Literal["local", "redis", "absent"] = setting(
        "EDGE",
        "local",
        "where gate and seat-map cache run: local = within the process; redis = the server at REDIS_ADDR, which "
        "selects it; absent = nowhere",
    )
    taken_ttl_ms: int = setting("TAKEN_TTL_MS", 2_000, "how long the edge remembers a seat as taken", ge=0, le=2_000)
    map_stale_ms: int = setting(
        "MAP_STALE_MS",
        2_000,
        "how old a cached seat map may be; of a trip of over 512 seat groups up to 15 times as old",
        ge=0,
        le=10_000,
    )
