"""Limits of the gRPC server, and how long it waits."""

from travio_inventory.settings.component import Component, setting


class LimitSettings(Component):
    """The gRPC server's limits; limits on what a request contains are fixed."""

    in_order = (
        ("deadline_seconds", "deadline_seconds_max"),
        ("message_bytes_max", "admin_message_bytes_max"),
        ("admin_message_bytes_max", "unread_bytes_max"),
    )

    deadline_seconds: int = setting("DEADLINE_SECONDS", 10, "deadline of a call without one", ge=1, le=600)
    deadline_seconds_max: int = setting("DEADLINE_SECONDS_MAX", 60, "longest deadline of a call", ge=1, le=600)
    message_bytes_max: int = setting("MESSAGE_BYTES_MAX", 65_536, "largest request", ge=1_024, le=16_777_216)
    admin_message_bytes_max: int = setting(
        "ADMIN_MESSAGE_BYTES_MAX",
        4_194_304,
        "largest request that opens or updates a trip",
        ge=1_024,
        le=67_108_864,
    )
    unread_bytes_max: int = setting(
        "UNREAD_BYTES_MAX",
        67_108_864,
        "all incomplete requests together; over HTTP, bodies until they are answered",
        ge=65_536,
        le=1_073_741_824,
    )
    calls_max: int = setting("CALLS_MAX", 8_192, "concurrent calls on all connections", ge=1, le=1_000_000)
    watching_calls_max: int = setting(
        "WATCHING_CALLS_MAX",
        8_192,
        "concurrent calls that watch a map or the health, apart from the others",
        ge=1,
        le=1_000_000,
    )
    connections_max: int = setting("CONNECTIONS_MAX", 4_096, "open connections", ge=1, le=100_000)
    streams_max: int = setting("STREAMS_MAX", 256, "concurrent calls on one connection", ge=1, le=10_000)
    resets_per_second_max: int = setting(
        "RESETS_PER_SECOND_MAX", 200, "calls that one connection may cancel per second", ge=1, le=100_000
    )
    idle_connection_seconds: int = setting(
        "IDLE_CONNECTION_SECONDS", 600, "how long a connection without a call stays open", ge=1, le=86_400
    )
    drain_seconds: int = setting(
        "DRAIN_SECONDS",
        10,
        "how long running calls, then their steps, may take during a stop",
        ge=1,
        le=600,
    )
