"""RabbitMQ: a connection to the first of several servers that admits us and has what we need."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

import aio_pika
from aio_pika.abc import AbstractConnection
from aiormq.exceptions import AMQPError, InvalidFrameError

from travio_inventory.events.targets.rabbitmq import RabbitServers
from travio_inventory.kernel.addresses import Address
from travio_inventory.kernel.error_words import error_in_words

APP_ID = "travio-inventory"
HEARTBEAT_S = 20
CONNECT_S_MAX = 3.0
"""For each server: one that hangs must not keep us from the next."""
_LOGGERS = ("aio_pika", "aiormq")

T = TypeVar("T")


class NoServerAdmits(OSError):
    """What each of the servers said."""


def silence() -> None:
    """What the library logs of a broker that is down, we say in one line."""
    for name in _LOGGERS:
        logging.getLogger(name).setLevel(logging.CRITICAL)


async def first_of(to: RabbitServers, begin: Callable[[AbstractConnection], Awaitable[T]]) -> T:
    """What `begin` makes of a connection to the first server where it can; of the others none is left. Raises
    NoServerAdmits, and OSError for a file that cannot be read.
    """
    said = []
    for server in to.servers:
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                return await _begun(await connect_to(server, to), begin)
        except TimeoutError:
            said.append(f"{server}: no answer within {CONNECT_S_MAX:g} s")
        except InvalidFrameError:
            said.append(f"{server}: it does not open {to.virtual_host}: is it there, and may the user use it?")
        except (AMQPError, OSError) as failed:
            said.append(f"{server}: {error_in_words(failed)}")
    raise NoServerAdmits("; ".join(said))


async def connect_to(server: Address, to: RabbitServers) -> AbstractConnection:
    """A connection to the server. Raises AMQPError, OSError."""
    host, port = server
    return await aio_pika.connect(
        host=host,
        port=port,
        login=to.login.user if to.login else "guest",
        password=to.login.secret() if to.login else "guest",
        virtualhost=to.virtual_host,
        ssl=to.tls is not None,
        ssl_context=to.tls.context() if to.tls else None,
        heartbeat=HEARTBEAT_S,
        client_properties={"connection_name": APP_ID},
    )


async def _begun(connection: AbstractConnection, begin: Callable[[AbstractConnection], Awaitable[T]]) -> T:
    try:
        return await begin(connection)
    except BaseException:
        await asyncio.shield(connection.close())
        raise
