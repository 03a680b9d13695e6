"""What is written to RabbitMQ for a message is what the library would write, byte for byte."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pamqp import commands, frame
from pamqp.body import ContentBody
from pamqp.header import ContentHeader

from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.amqp_frames import FRAME_BYTES, SHORT_BYTES_MAX, Way, frames_of, is_short

SHORT = st.text(max_size=SHORT_BYTES_MAX // 4)
WAY = Way(channel=3, exchange="events", app_id="app", attribute_prefix="cloudEvents:", frame_max=FRAME_BYTES + 10)


def by_the_library(message: Message) -> bytes:
    properties = commands.Basic.Properties(
        content_type=message.content_type,
        headers=dict(message.all_headers(prefix=WAY.attribute_prefix)),
        delivery_mode=2,
        message_id=message.id,
        message_type=message.type,
        app_id=WAY.app_id,
    )
    publish = commands.Basic.Publish(exchange=WAY.exchange, routing_key=message.type, mandatory=True)
    most = WAY.frame_max - FRAME_BYTES
    pieces = [message.body[start : start + most] for start in range(0, len(message.body), most)]
    header = ContentHeader(body_size=len(message.body), properties=properties)
    bodies = (frame.marshal(ContentBody(piece), WAY.channel) for piece in pieces)
    return b"".join((frame.marshal(publish, WAY.channel), frame.marshal(header, WAY.channel), *bodies))


# pamqp encodes an empty string as an absent property; ours are never empty.
@settings(max_examples=60)
@given(
    st.builds(
        Message,
        id=SHORT.filter(bool),
        type=SHORT.filter(bool),
        key=st.just("trip"),
        body=st.binary(max_size=40),
        content_type=st.just("application/json"),
        headers=st.dictionaries(st.text(min_size=1, max_size=20), st.text(max_size=40), min_size=1, max_size=3),
        attributes=st.dictionaries(st.sampled_from(["id", "time"]), st.text(max_size=40)),
    )
)
def test_the_frames_of_a_message_are_those_of_the_library(message: Message) -> None:
    assert frames_of(message, WAY) == by_the_library(message)


def test_a_short_string_is_measured_in_bytes() -> None:
    assert is_short("a" * SHORT_BYTES_MAX)
    assert not is_short("é" * 128)
    with pytest.raises(ValueError, match="256 bytes"):
        frames_of(Message(id="é" * 128, type="t", key="k", body=b""), WAY)
