"""The library grpclib as a caller: reads a plan from stdin, calls, and prints what came of each call."""

import asyncio
import json
import ssl
import sys
from typing import Any

from grpclib.client import Channel
from grpclib.config import Configuration
from grpclib.const import Cardinality, Status
from grpclib.encoding.base import CodecBase, StatusDetailsCodecBase
from grpclib.exceptions import GRPCError

from verification.interop.plans import Outcome, Plan, PlannedCall, read_plan

KINDS = {"unary": Cardinality.UNARY_UNARY, "first": Cardinality.UNARY_STREAM, "chat": Cardinality.STREAM_STREAM}


class AsIs(CodecBase):
    """Messages are the bytes that they are."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:  # noqa: ANN401 - as grpclib has it
        return bytes(message)

    def decode(self, data: bytes, message_type: Any) -> bytes:  # noqa: ANN401 - as grpclib has it
        return data


class DetailsAsTheyAre(StatusDetailsCodecBase):
    """The bytes of a google.rpc.Status."""

    def encode(self, status: Status, message: str | None, details: Any) -> bytes:  # noqa: ANN401 - as grpclib has it
        raise NotImplementedError("a client sends no status")

    def decode(self, status: Status, message: str | None, data: bytes) -> bytes:
        return data


async def run(plan: Plan) -> list[list[dict[str, object]]]:
    """All rounds."""
    outcomes: list[list[dict[str, object]]] = []
    for _ in range(plan.rounds):
        outcomes.extend(await asyncio.gather(*(_on_one_connection(plan) for _ in range(plan.connections))))
    return outcomes


async def _on_one_connection(plan: Plan) -> list[dict[str, object]]:
    host, _, port = plan.address.rpartition(":")
    config = Configuration(ssl_target_name_override=plan.authority) if plan.ca else None
    security = _security(plan)
    async with Channel(
        host, int(port), codec=AsIs(), status_details_codec=DetailsAsTheyAre(), ssl=security, config=config
    ) as channel:
        return [(await _made(channel, call)).as_json() for call in plan.calls]


def _security(plan: Plan) -> ssl.SSLContext | None:
    if plan.ca is None:
        return None
    context = ssl.create_default_context(cafile=str(plan.ca))
    context.set_alpn_protocols(["h2"])
    if plan.certificate is not None:
        context.load_cert_chain(plan.certificate, plan.key)
    return context


async def _made(channel: Channel, told: PlannedCall) -> Outcome:
    replies: list[bytes] = []
    request = channel.request(
        told.path, KINDS[told.kind], bytes, bytes, timeout=told.seconds, metadata=dict(told.metadata)
    )
    try:
        async with request as stream:
            for message in told.messages:
                await stream.send_message(message, end=told.kind != "chat")
                reply = await stream.recv_message()
                replies.extend([] if reply is None else [reply])
            if told.kind == "first":
                await stream.cancel()
                return Outcome(Status.CANCELLED.value, "", tuple(replies), b"")
            if told.kind == "chat":
                await stream.end()
    except GRPCError as error:
        return Outcome(error.status.value, error.message or "", tuple(replies), error.details or b"")
    return Outcome(0, "", tuple(replies), b"")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run(read_plan(sys.stdin.read())))))
