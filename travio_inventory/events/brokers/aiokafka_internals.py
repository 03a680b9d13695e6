"""What is private in aiokafka and needed here: what is given up ends at once and whole, whatever it waits for."""

import asyncio
from collections.abc import Collection

import anyio
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

CANCELS_MAX = 20
CANCEL_SECONDS = 0.05
"""How long one more cancellation of its work may take to be felt."""


async def abandon(producer: AIOKafkaProducer) -> None:
    """Close the producer without delivering what it still has: `stop` waits for that, as long as the broker is away.
    What was on its way may have arrived, and its futures may stay open. Cannot be cancelled; takes 2 s at most.
    """
    producer._closed = True  # what `stop` says first, and the finalizer looks at
    with anyio.CancelScope(shield=True):
        await producer.client.close()
        await _cancelled([producer._sender.sender_task])  # it waits for requests, which wait for metadata
        await producer.client.close()  # a request on its way may have opened one more connection


async def leave(consumer: AIOKafkaConsumer, *, within_s: float) -> None:
    """Leave the group, if that can be done within these seconds, and close the consumer. `stop` waits for a broker that
    is silent or gone, and where it cancels a fetch that failed, it cancels itself and leaves the rest open. Cannot be
    cancelled; takes 2 s more at most.
    """
    stopping = asyncio.ensure_future(consumer.stop())
    with anyio.CancelScope(shield=True):
        await asyncio.wait([stopping], timeout=within_s)
        await consumer._client.close()
        work = [stopping]
        if fetcher := consumer._fetcher:
            work += [fetcher._fetch_task, *fetcher._pending_tasks]
        if group := consumer._coordinator:
            work += [group._coordination_task, group._heartbeat_task, group._commit_refresh_task]
        await _cancelled(work)
        await consumer._client.close()  # a request on its way may have opened one more connection


async def _cancelled(work: Collection["asyncio.Task[None] | None"]) -> None:
    """Cancel the tasks until they are done: where a request of theirs waits, the library catches a cancellation."""
    tasks = [task for task in work if task is not None]
    for _ in range(CANCELS_MAX):
        if not (going_on := [task for task in tasks if not task.done()]):
            break
        for task in going_on:
            task.cancel()
        await asyncio.wait(going_on, timeout=CANCEL_SECONDS)
    for task in tasks:
        if task.done() and not task.cancelled():
            task.exception()  # else asyncio says that nobody asked for it
