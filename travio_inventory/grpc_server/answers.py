"""The headers that answer a call, and the answer to one that cannot run."""

from typing import NamedTuple

from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.metadata import encode_bin_value, encode_grpc_message

from travio_inventory.grpc_server.context import ServerContext
from travio_inventory.grpc_server.framing import Headers


class Rejection(NamedTuple):
    """The answer to headers of a call that cannot run."""

    status: Status
    message: str | None
    http_status: int = 200
    details: bytes | None = None
    """A google.rpc.Status."""
    text: str = ""
    """What people read who came without a gRPC client; sent by the lean server."""

    @classmethod
    def of(cls, error: GRPCError, context: ServerContext) -> "Rejection":
        """The same answer as the server sends it."""
        return cls(error.status, error.message, details=context.packed(error.status, error.message, error.details))

    def headers(self, content_type: str) -> Headers:
        """As the only headers of the answer."""
        return answer_headers(
            self.status,
            self.message,
            http_status=self.http_status,
            content_type=content_type,
            details=self.details,
        )


def answer_headers(
    status: Status,
    message: str | None,
    *,
    http_status: int = 200,
    content_type: str | None = None,
    details: bytes | None = None,
) -> Headers:
    """Headers that end a call; with a content type they are its only ones."""
    headers: Headers = []
    if content_type is not None:
        headers = [(":status", str(http_status)), ("content-type", content_type)]
    headers.append(("grpc-status", str(status.value)))
    if message is not None:
        headers.append(("grpc-message", encode_grpc_message(message)))
    if details is not None:
        headers.append(("grpc-status-details-bin", encode_bin_value(details).decode("ascii")))
    return headers
