"""Google's grpc for Python as a caller: reads a plan from stdin, calls, and prints what came of each call."""

import asyncio
import json
import sys

import grpc  # type: ignore[import-untyped]
import grpc.aio  # type: ignore[import-untyped]

from verification.interop.plans import Outcome, Plan, PlannedCall, read_plan


async def run(plan: Plan) -> list[list[dict[str, object]]]:
    """All rounds."""
    outcomes: list[list[dict[str, object]]] = []
    for _ in range(plan.rounds):
        outcomes.extend(await asyncio.gather(*(_on_one_connection(plan) for _ in range(plan.connections))))
    return outcomes


async def _on_one_connection(plan: Plan) -> list[dict[str, object]]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    async with _channel(plan, options) as channel:
        return [(await _made(channel, call)).as_json() for call in plan.calls]


def _channel(plan: Plan, options: list[tuple[str, int]]) -> grpc.aio.Channel:
    if plan.ca is None:
        return grpc.aio.insecure_channel(plan.address, options=options)
    key, certificate = (file.read_bytes() if file else None for file in (plan.key, plan.certificate))
    trusted = grpc.ssl_channel_credentials(plan.ca.read_bytes(), key, certificate)
    named = [*options, ("grpc.ssl_target_name_override", plan.authority)]
    return grpc.aio.secure_channel(plan.address, trusted, options=named)


async def _made(channel: grpc.aio.Channel, told: PlannedCall) -> Outcome:
    metadata = tuple(told.metadata.items())
    replies: list[bytes] = []
    try:
        if told.kind == "unary":
            call = channel.unary_unary(told.path)
            replies.append(await call(told.messages[0], timeout=told.seconds, metadata=metadata))
        elif told.kind == "first":
            stream = channel.unary_stream(told.path)(told.messages[0], timeout=told.seconds, metadata=metadata)
            replies.append(await stream.read())
            stream.cancel()
            return Outcome((await stream.code()).value[0], "", tuple(replies), b"")
        else:
            chat = channel.stream_stream(told.path)(timeout=told.seconds, metadata=metadata)
            for message in told.messages:
                await chat.write(message)
                replies.append(await chat.read())
            await chat.done_writing()
            if await chat.read() is not grpc.aio.EOF:
                raise AssertionError("a reply to nothing")
    except grpc.aio.AioRpcError as error:
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin", b"")
        return Outcome(error.code().value[0], error.details() or "", tuple(replies), bytes(details))
    return Outcome(0, "", tuple(replies), b"")


if __name__ == "__main__":
    sys.stdout.write(json.dumps(asyncio.run(run(read_plan(sys.stdin.read())))))
