"""Refusals as Connect has them: the code, the message and the details of gRPC."""

from collections.abc import Mapping

from connectrpc.code import Code
from connectrpc.errors import ConnectError, ErrorDetail
from google.rpc.status_pb2 import Status as RpcStatus  # has no stubs
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from protobuf.wkt import Any

from travio_inventory.api.grpc.refusals import grpc_error
from travio_inventory.kernel.refusals import Refusal

CODES: Mapping[Status, Code] = {
    status: Code.CANCELED if status is Status.CANCELLED else Code[status.name]
    for status in Status
    if status is not Status.OK
}


def connect_error(refused: Refusal | GRPCError) -> ConnectError:
    """The refusal as Connect and gRPC-Web tell it."""
    error = refused if isinstance(refused, GRPCError) else grpc_error(refused)
    details = RpcStatus.FromString(error.details or b"").details
    return ConnectError(
        CODES[error.status],
        error.message or "",
        [ErrorDetail(Any(type_url=detail.type_url, value=detail.value)) for detail in details],
    )
