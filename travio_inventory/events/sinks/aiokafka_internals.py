"""What is private in aiokafka and needed here: a producer that is given up ends at once, whatever it waits for."""

import asyncio

import anyio
from aiokafka import AIOKafkaProducer

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
        task: asyncio.Task[None] | None = producer._sender.sender_task
        for _ in range(CANCELS_MAX):
            if task is None or task.done():
                break
            task.cancel()  # it then waits for its requests, which wait for metadata that nobody fetches any more
            await asyncio.wait([task], timeout=CANCEL_SECONDS)
        await producer.client.close()  # a request on its way may have opened one more connection
