"""The end of a call that is refused before there is anything of it but its request."""

from time import perf_counter_ns

from grpclib.protocol import Peer

from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.lean import reply_blocks
from travio_inventory.grpc_server.lean.heads import RequestHead


def end_at_once(context: ServerContext, head: RequestHead, peer: Peer, message: bytes) -> bytes | None:
    """The header block that ends it, None where only its handler knows. It counts as started, and as ended."""
    began_ns, method = perf_counter_ns(), head.method
    refusal = context.refused_at_once(method, peer, head.metadata, message)
    if refusal is None:
        return None
    context.starts.count()
    details = context.packed(refusal.status, refusal.message, refusal.details)
    context.ended(method.name, refusal.status.value, perf_counter_ns() - began_ns)
    return reply_blocks.end(refusal.status, refusal.message, details)
