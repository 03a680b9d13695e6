"""A wave of messages over a channel of RabbitMQ: each is confirmed or refused by itself, and one that was never written
leaves the channel's count as it was.
"""

import asyncio

import aio_pika
import pytest
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from aiormq.exceptions import PublishError

from tests.events.brokers import own_name, rabbit_queue
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.amqp_frames import Way, frames_of
from travio_inventory.events.sinks.amqp_waves import Confirmed, send
from verification.servers.rabbitmq import RabbitServer

pytestmark = pytest.mark.thorough


async def test_a_wave_that_was_never_written_leaves_the_count_as_it_was(rabbitmq_node: RabbitServer) -> None:
    exchange = own_name()
    async with rabbit_queue(rabbitmq_node, exchange, key="routed"), await aio_pika.connect(rabbitmq_node.url) as line:
        channel = await (await line.channel(publisher_confirms=True, on_return_raises=True)).get_underlay_channel()
        assert isinstance(channel, Channel)
        way = Way(channel.number, exchange, "app", "ce:", channel.connection.connection_tune.frame_max)

        def wave(**types: str) -> dict[str, bytes]:
            return {name: frames_of(Message(name, kind, "k", b"{}"), way) for name, kind in types.items()}

        written = channel.write_queue
        channel.write_queue = asyncio.Queue(maxsize=1)
        channel.write_queue.put_nowait(ChannelFrame(b"", False))
        noted: Confirmed = {}
        waits = asyncio.ensure_future(send(channel, wave(a="routed", b="routed"), noted))
        await asyncio.sleep(0.05)
        waits.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waits
        channel.write_queue = written
        assert (channel.delivery_tag, channel.confirmations, channel.message_id_delivery_tag) == (0, {}, {})

        assert all(future.cancelled() for future in noted.values())
        confirmed: Confirmed = {}
        await send(channel, wave(a="routed", lost="to nobody", b="routed"), confirmed)
        await asyncio.wait(confirmed.values())
        refused = {name: type(future.exception()) for name, future in confirmed.items() if future.exception()}
        assert refused == {"lost": PublishError}
        assert not channel.message_id_delivery_tag
