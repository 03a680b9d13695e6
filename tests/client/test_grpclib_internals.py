"""What we use of grpclib's client that it does not promise is there and is used as we rely on."""

import inspect
from dataclasses import fields
from typing import Any

from grpclib.client import Channel
from grpclib.config import Configuration
from grpclib.protocol import H2Protocol
from h2.connection import H2Connection

from travio_inventory.client.client import InventoryClient
from travio_inventory.client.grpclib_internals import HeardChannel, with_keepalive


def test_the_names_of_a_channel_are_those_that_we_use() -> None:
    assert list(inspect.signature(Channel._protocol_factory).parameters) == ["self"]
    assert list(inspect.signature(Channel._create_connection).parameters) == ["self"]
    assert inspect.iscoroutinefunction(Channel._create_connection)
    assert inspect.iscoroutinefunction(Channel.__connect__)
    assert list(inspect.signature(H2Protocol).parameters) == ["handler", "config", "h2_config"]


def test_a_channel_that_never_connected_has_no_protocol() -> None:
    assert Channel._protocol is None


def test_how_often_a_ping_is_sent_is_a_matter_of_these_settings() -> None:
    known = {field.name for field in fields(Configuration)}
    config = with_keepalive(4.0).__for_client__()
    used: dict[str, Any] = {
        "_keepalive_time": 4.0,
        "_keepalive_timeout": 4.0,
        "_keepalive_permit_without_calls": True,
        "_http2_min_sent_ping_interval_without_data": 2.0,
    }
    assert used.keys() <= known
    assert {name: getattr(config, name) for name in used} == used


async def test_a_channel_connects_by_the_methods_that_we_replace(inventory: InventoryClient) -> None:
    channel = inventory.stub.channel
    assert isinstance(channel, HeardChannel)
    protocol = await channel.__connect__()
    assert protocol is channel._protocol
    assert isinstance(protocol.connection._connection, H2Connection)
    assert await channel.__connect__() is protocol
    assert channel.is_there
