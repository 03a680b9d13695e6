"""What stands before the store."""

from typing import Literal

from travio_inventory.settings.component import Component, setting


class EdgeSettings(Component):
    """Which edge, and how long it may believe what it saw."""

    kind: Literal["local", "redis", "absent"] = setting(
        "EDGE",
        "local",
        "what turns contenders away and serves seat maps: local = within the process; redis = REDIS_ADDR, which "
        "chooses it; absent = nothing",
    )
    taken_ttl_ms: int = setting("TAKEN_TTL_MS", 2_000, "how long a seat is remembered as taken", ge=0, le=2_000)
    map_stale_ms: int = setting("MAP_STALE_MS", 2_000, "how old a cached seat map may be", ge=0, le=10_000)
