"""What we use of redis-py that it does not promise: the only place; its test fails when that changes."""

import asyncio
from collections.abc import Callable
from typing import Final, cast

from redis._parsers.base import BaseParser
from redis.asyncio.connection import AbstractConnection

error_of: Final[Callable[[str], Exception]] = BaseParser.parse_error
"""The library's exception for an error that a server answers."""


def transport_of(connection: AbstractConnection) -> asyncio.WriteTransport:
    """The bytes of a connection that is connected and logged in."""
    return cast("asyncio.StreamWriter", connection._writer).transport
