"""The header Idempotency-Key: a text, in quotes as the IETF draft has it, or without them as most clients send it."""

import re
from typing import Annotated

from fastapi import Depends, Header
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from travio_inventory.api.rest.single_values import header_of

_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')
_ESCAPED = re.compile(r"\\(.)")


async def _key(
    connection: HTTPConnection,
    idempotency_key: Annotated[  # noqa: ARG001 - for the description
        str,
        Header(
            description="The same request with the same key takes effect once; it is answered by what came of it.",
            examples=['"8e03978e-40d5-43e8-bc93-6894a57f9324"'],
        ),
    ] = "",
) -> str:
    return read_key(connection.headers)


def read_key(headers: Headers) -> str:
    """What is within the quotes, if there are some. What else is wrong with it the key itself says. Raises
    InvalidRequest.
    """
    value = header_of(headers, "idempotency-key")
    quoted = _QUOTED.fullmatch(value)
    return _ESCAPED.sub(r"\1", quoted[1]) if quoted else value


IdempotencyKey = Annotated[str, Depends(_key)]
"""The key of a request, "" where it has none."""
