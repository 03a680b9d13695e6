"""What we use of redis-py that it does not promise is there and is used as we rely on."""

import asyncio

import pytest
from redis.asyncio import Connection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import MovedError, NoPermissionError, NoScriptError, ReadOnlyError, ResponseError

from travio_inventory.edge.pipelined_connection import connect
from travio_inventory.edge.redis_internals import error_of, transport_of
from verification.servers.redis import RedisServer


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("NOSCRIPT No matching script.", NoScriptError),
        ("READONLY You can't write against a read only replica.", ReadOnlyError),
        ("MOVED 3999 127.0.0.1:6381", MovedError),
        ("NOPERM this user has no permissions", NoPermissionError),
        ("LOADING Redis is loading the dataset in memory", RedisConnectionError),
        ("NOAUTH Authentication required.", RedisConnectionError),
        ("ERR unknown command", ResponseError),
    ],
)
def test_an_error_that_a_server_answers_is_the_library_s(said: str, kind: type[Exception]) -> None:
    assert isinstance(error_of(said), kind)


async def test_the_transport_of_a_connection_is_what_its_bytes_go_through(redis_node: RedisServer) -> None:
    connection = Connection(host="127.0.0.1", port=redis_node.port, driver_info=None, protocol=2)
    await connect(connection)
    transport, heard = transport_of(connection), asyncio.get_running_loop().create_future()

    class Ear(asyncio.Protocol):
        def data_received(self, data: bytes) -> None:
            heard.set_result(data)

    library = transport.get_protocol()
    transport.set_protocol(Ear())
    transport.write(b"*1\r\n$4\r\nPING\r\n")
    assert await asyncio.wait_for(heard, 60) == b"+PONG\r\n"
    transport.set_protocol(library)
    await connection.disconnect()
