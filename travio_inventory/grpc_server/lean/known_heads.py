"""The heads of calls by the bytes of their header blocks, for as long as these mean the same."""

from typing import Final

from h2.errors import ErrorCodes

from travio_inventory.grpc_server.admission import Admission
from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.lean.frame_format import ConnectionFault
from travio_inventory.grpc_server.lean.header_decoder import Field, HeaderDecoder
from travio_inventory.grpc_server.lean.heads import CONNECTION_SPECIFIC, RequestHead, read_head, without_meaning
from travio_inventory.grpc_server.lean.similar_heads import SimilarHeads

BLOCKS_MAX: Final = 64
BLOCK_BYTES_MAX: Final = 256


class KnownHeads:
    """Those of one connection. Raises ConnectionFault for a block that makes no sense."""

    __slots__ = ("_admission", "_bytes_max", "_context", "_decoder", "_known", "_similar")

    def __init__(self, context: ServerContext, admission: Admission) -> None:
        self._context = context
        self._admission = admission
        self._bytes_max = context.limits.header_bytes_max
        self._decoder = HeaderDecoder()
        self._known: dict[bytes, RequestHead] = {}
        self._similar: SimilarHeads | None = None
        """Needed once the blocks of calls change the table."""

    def read(self, block: bytes) -> RequestHead:
        """What a block says that begins a call."""
        head = self._known.get(block)
        return self._read(block) if head is None else head

    def fields(self, block: bytes) -> list[Field]:
        """What a block says that ends a request."""
        fields = self._decoder.decode(block)
        if self._decoder.changed:
            self._known.clear()
        return fields

    def are_no_trailers(self, fields: list[Field]) -> bool:
        """Whether no request may end with these fields."""
        if self._decoder.is_malformed(fields):
            return True
        return any(name[0] == ":" or name in CONNECTION_SPECIFIC for name, _ in fields)

    def times_too_large(self, fields: list[Field], block: bytes) -> int:
        """How many times they are what a call may have at most; 0 where they are less."""
        return self._list_bytes(fields, block) // self._bytes_max

    def _list_bytes(self, fields: list[Field], block: bytes) -> int:
        """Of what may be too large; else 0."""
        size = self._decoder.list_bytes(fields, block, unless_beyond=self._bytes_max)
        if size > self._context.limits.header_block_bytes_max:
            raise ConnectionFault(ErrorCodes.ENHANCE_YOUR_CALM, "headers beyond all bounds")
        return size

    def _read(self, block: bytes) -> RequestHead:
        fields = self.fields(block)
        size = self._list_bytes(fields, block)
        if size > self._bytes_max:
            return RequestHead(self._admission.too_large(size), resets=size // self._bytes_max)
        if self._decoder.is_malformed(fields):
            return without_meaning()
        if self._decoder.changed:
            return self._read_new(fields)
        head = read_head(fields, self._context)
        if len(block) <= BLOCK_BYTES_MAX:
            if len(self._known) >= BLOCKS_MAX:
                self._known.clear()
            self._known[block] = head
        return head

    def _read_new(self, fields: list[Field]) -> RequestHead:
        """What no call before has said like this."""
        if self._similar is None:
            self._similar = SimilarHeads(self._context)
        return self._similar.read(fields)
