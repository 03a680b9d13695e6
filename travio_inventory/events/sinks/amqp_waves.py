"""Sends many messages over a channel of RabbitMQ with one write, and says what becomes of each.

The library sends one message at a time, with a task and a wait for each. Of its channel this uses what its own
`basic_publish` keeps: the count of what was sent, and who waits for which confirmation.
"""

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TypeAlias

from aiormq.abc import ChannelFrame
from aiormq.channel import Channel

Confirmed: TypeAlias = dict[str, "asyncio.Future[object]"]
"""By the id of a message, what ends when the broker has it; with the library's PublishError or DeliveryError if it is
refused, with another error when the channel closes.
"""


async def send(channel: Channel, frames: Mapping[str, bytes], confirmed: Confirmed) -> None:
    """Write the frames of each message, by its id, and note it in `confirmed`, also if this is cancelled later. Raises
    what the library raises if the channel is closed.
    """
    async with channel.lock:
        before, is_sent = channel.delivery_tag, False
        for message_id in frames:
            channel.delivery_tag += 1
            future = confirmed[message_id] = channel.create_future()
            channel.confirmations[channel.delivery_tag] = future
            channel.message_id_delivery_tag[message_id] = channel.delivery_tag
            future.add_done_callback(partial(_forget, channel, message_id, channel.delivery_tag))
        try:
            written = channel.create_future()
            await channel.write_queue.put(ChannelFrame(b"".join(frames.values()), False, written))
            is_sent = True
            await written
        finally:
            if not is_sent:
                _take_back(channel, before)


def _take_back(channel: Channel, before: int) -> None:
    """Nothing was sent since then: the broker counts what it gets."""
    for tag in range(before + 1, channel.delivery_tag + 1):
        future = channel.confirmations.pop(tag)
        future.cancel()
    channel.delivery_tag = before


def _forget(channel: Channel, message_id: str, tag: int, _: "asyncio.Future[object]") -> None:
    if channel.message_id_delivery_tag.get(message_id) == tag:
        del channel.message_id_delivery_tag[message_id]
