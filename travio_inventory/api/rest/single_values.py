"""What a request must say once: of two values one reader takes the first, and another, as a proxy, the last."""

from collections.abc import Mapping
from typing import Final, get_origin
from urllib.parse import unquote_to_bytes

from fastapi.dependencies.models import Dependant
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from travio_inventory.kernel.refusals import InvalidRequest, Violation

SINGLE: Final[Mapping[bytes, str]] = {
    b"authorization": "Authorization",
    b"connect-protocol-version": "Connect-Protocol-Version",
    b"connect-timeout-ms": "Connect-Timeout-Ms",
    b"content-encoding": "Content-Encoding",
    b"content-type": "Content-Type",
    b"grpc-timeout": "grpc-timeout",
    b"idempotency-key": "idempotency_key",
    b"idempotencykey": "idempotencyKey",
    b"if-match": "If-Match",
    b"last-event-id": "Last-Event-ID",
    b"origin": "Origin",
    b"x-organization-id": "X-Organization-Id",
    b"x-user-id": "X-User-Id",
}
"""Headers that have one value, as refusals name them. Others are lists, or nobody decides by them."""
NO_LISTS: Final[frozenset[str]] = frozenset()


def check_single(connection: HTTPConnection, lists: frozenset[str] = NO_LISTS) -> None:
    """Raises InvalidRequest for a header or a parameter of the query that has two values, unless it is one of the
    `lists`; the same value twice is one. And for a query that is no text.
    """
    twice: dict[str, None] = {}
    headers: dict[bytes, bytes] = {}
    for name, value in connection.scope["headers"]:
        if name in SINGLE and headers.setdefault(name, value) != value:
            twice[SINGLE[name]] = None
    if query := connection.scope["query_string"]:
        _check_text(query)
        asked: dict[str, str] = {}
        for parameter, said in connection.query_params.multi_items():
            if asked.setdefault(parameter, said) != said and parameter not in lists:
                twice[parameter] = None
    if twice:
        raise InvalidRequest([Violation(name, "is given twice, with different values") for name in twice])


def _check_text(query: bytes) -> None:
    """Raises InvalidRequest for what is no UTF-8: as a text it would be the same as others that are none."""
    try:
        unquote_to_bytes(query).decode()
    except UnicodeDecodeError:
        raise InvalidRequest([Violation("query", "must be UTF-8")]) from None


def header_of(headers: Headers, name: str) -> str:
    """The text of a header, "" if there is none, in UTF-8 as in a query or a body. Raises InvalidRequest."""
    said = headers.get(name, "")
    if said.isascii():
        return said
    try:
        return said.encode("latin1").decode()
    except UnicodeDecodeError:
        raise InvalidRequest([Violation(SINGLE[name.encode()], "must be UTF-8")]) from None


def lists_of(dependant: Dependant) -> frozenset[str]:
    """The parameters of the query that a route takes several of."""
    own = {each.alias for each in dependant.query_params if get_origin(each.field_info.annotation) is list}
    return frozenset(own).union(*map(lists_of, dependant.dependencies))
