"""Calls over gRPC, counted and timed by method and status, whichever server answers them."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection
from typing import Final

from travio_inventory.kernel.tally import BUCKETS_NS, Tally
from travio_inventory.telemetry.families import GRPC_DURATION, GRPC_HANDLED, GRPC_HANDLING
from travio_inventory.telemetry.meters import NO_LABELS, Labels, Meters

UNKNOWN: Final = "unknown"
"""The method of a call to a path that is not served: what callers send is no label."""
CODES: Final = (
    "OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied",
    "ResourceExhausted", "FailedPrecondition", "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable",
    "DataLoss", "Unauthenticated",
)  # fmt: skip
"""The status codes by number, as metrics of other gRPC servers name them."""


class GrpcCalls:
    """Tell it of each call that ends. `streams` are the paths of methods with many answers to a message, `services` are
    those whose calls `grpc_request_duration_seconds` tells of.
    """

    def __init__(self, *, services: Collection[str], streams: Collection[str]) -> None:
        self._paths = tuple(f"/{service}/" for service in services)
        self._streams = frozenset(streams)
        self._tallies: defaultdict[tuple[str, int], Tally] = defaultdict(Tally)

    def ended(self, path: str, status: int, elapsed_ns: int) -> None:
        """A call of that method ended with that status; the path is "" where no such method is served."""
        tally = self._tallies[path, status]
        tally.buckets[bisect_left(BUCKETS_NS, elapsed_ns)] += 1  # as Tally.add, without one more call
        tally.total_ns += elapsed_ns

    def tell(self, meters: Meters) -> None:
        """Let these be read."""
        meters.read(GRPC_HANDLED, self._handled)
        meters.read(GRPC_HANDLING, self._handling)
        meters.read(GRPC_DURATION, self._duration)

    def _handled(self) -> dict[Labels, int]:
        return {(*self._named(path), CODES[status]): tally.count for (path, status), tally in self._tallies.items()}

    def _handling(self) -> dict[Labels, Tally]:
        found: defaultdict[Labels, Tally] = defaultdict(Tally)
        for (path, _), tally in self._tallies.items():
            found[self._named(path)].include(tally)
        return found

    def _duration(self) -> dict[Labels, Tally]:
        found = Tally()
        for (path, _), tally in self._tallies.items():
            if path.startswith(self._paths) and path not in self._streams:
                found.include(tally)
        return {NO_LABELS: found}

    def _named(self, path: str) -> Labels:
        _, service, method = path.split("/") if path else ("", UNKNOWN, UNKNOWN)
        return "server_stream" if path in self._streams else "unary", service, method
