"""The heads of calls that differ from each other in their metadata and their time only: the rest is read once."""

from typing import Final

from travio_inventory.grpc_server.admission import seconds_allowed
from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.lean.header_decoder import Field
from travio_inventory.grpc_server.lean.heads import NOTHING_SAID, RequestHead, is_plain, read_head

HEADS_MAX: Final = 64
NAMES_MAX: Final = 64
TIMEOUT: Final = "grpc-timeout"


class SimilarHeads:
    """Those of one connection: what all of their fields up to the last that is no metadata say, and then which follow.

    Clients write what HTTP/2 and gRPC ask for first, then the time, then metadata.
    """

    __slots__ = ("_begin", "_context", "_heads", "_plain")

    def __init__(self, context: ServerContext) -> None:
        self._context = context
        self._begin = 0
        """With how many fields the last head begins that are no metadata."""
        self._heads: dict[tuple[Field, ...], RequestHead] = {}
        self._plain: set[str] = set()
        """Names known to be plain."""

    def read(self, fields: list[Field]) -> RequestHead:
        """What the fields say, as `read_head`."""
        begin = self._begin
        known = self._heads.get(tuple(fields[:begin]))
        if known is None:
            return self._read(fields)
        said, timeout_seconds = fields[begin:], known.timeout_seconds
        for name, value in said:
            if name in self._plain:
                continue
            allowed = seconds_allowed(value, known.method, self._context.limits) if name == TIMEOUT else None
            if allowed is None or allowed <= 0:
                return self._read(fields)
            timeout_seconds = allowed
        return known.with_metadata(said, timeout_seconds)

    def _read(self, fields: list[Field]) -> RequestHead:
        """Read it whole, and remember with what it begins."""
        head = read_head(fields, self._context)
        if head.rejection is None:
            begin = len(fields)
            while is_plain(fields[begin - 1][0]) or fields[begin - 1][0] == TIMEOUT:
                begin -= 1
            self._remember(fields, begin)
        return head

    def _remember(self, fields: list[Field], begin: int) -> None:
        if len(self._heads) >= HEADS_MAX or len(self._plain) >= NAMES_MAX:
            self._heads.clear()
            self._plain.clear()
        self._plain.update([name for name, _ in fields[begin:] if name != TIMEOUT])
        self._begin = begin
        known = read_head(fields[:begin], self._context)
        if known.rejection is None and known.metadata is NOTHING_SAID:
            self._heads[tuple(fields[:begin])] = known
