"""The limits of the gRPC server, for one caller and for all together."""

from collections.abc import Mapping
from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """Every bound of the gRPC server. None has a default: whoever creates the server decides.

    Methods are named as they are on the wire: `/inventory.v1.InventoryService/HoldSeats`.
    """

    message_bytes_default_max: int
    message_bytes_max_by_method: Mapping[str, int]
    unread_bytes_max: int
    """Of all messages together that have begun to arrive and are not complete."""
    streams_concurrent_max: int
    """Calls per connection; as many again may have been cancelled and not have ended yet."""
    calls_max: int
    """On all connections together; one connection may have a sixteenth of those that are left, and is told
    RESOURCE_EXHAUSTED beyond.
    """
    watching_calls_max: int
    """The same for calls of `methods_without_deadline`, which take no place of others."""
    connections_max: int
    """One more takes the place of one without a call, and is closed where all have one."""
    resets_per_second_max: int
    """Per connection, and so much at once: cancelled calls, and calls beyond `streams_concurrent_max`."""
    control_frames_per_second_max: int
    """Per connection, and so much at once: PING, SETTINGS and all other frames that no call has paid for."""
    header_bytes_max: int
    """Of one call, as HTTP/2 counts them. A call with more is refused."""
    header_block_bytes_max: int
    """So many must be understood for the sake of the next ones, though their call is refused. Whoever sends more loses
    the connection.
    """
    idle_connection_seconds_max: float
    """Without a call. A connection that never sends a whole request is idle, whatever else it sends."""
    message_read_seconds_max: float
    """From the headers of a call to the end of its request."""
    write_stalled_seconds_max: float
    """How long a peer may leave what we have sent unread before its connection is dropped."""
    deadline_default_seconds: float
    """For a call that names none."""
    deadline_max_seconds: float
    methods_without_deadline: frozenset[str]
    """Those that last until the caller leaves, as `/grpc.health.v1.Health/Watch`; a drain ends them first."""
    drain_seconds_max: float
    """How long a drain lets running calls go on."""
    linger_seconds_max: float
    """How long a peer may take to close its side after our GOAWAY."""

    def __post_init__(self) -> None:
        """Raise ValueError for a bound that lets nothing through."""
        for field in fields(self):
            bound = getattr(self, field.name)
            if isinstance(bound, int | float) and bound <= 0:
                raise ValueError(f"{field.name} must be positive, not {bound}")
        if not all(bound > 0 for bound in self.message_bytes_max_by_method.values()):
            raise ValueError("message_bytes_max_by_method must be positive for each method")

    def message_bytes_max(self, method: str) -> int:
        return self.message_bytes_max_by_method.get(method, self.message_bytes_default_max)
