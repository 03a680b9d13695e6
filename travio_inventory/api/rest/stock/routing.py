"""Routes about stock: fields are called in camel case, also those that refusals name; versions are entity tags."""

import re
from collections.abc import Callable, Coroutine
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Request, Response
from pydantic.alias_generators import to_camel
from starlette.convertors import register_url_convertor
from starlette.requests import HTTPConnection

from travio_inventory.api.rest.paths import IdConvertor
from travio_inventory.api.rest.routes import LargeBodyRoute, Route
from travio_inventory.kernel.checking import Faults
from travio_inventory.kernel.refusals import InvalidRequest, Violation

PREFIX: Final = "/api/v1"
_WORD: Final = re.compile("[a-z_]+")
_OTHERS: Final = {
    "page_size": "page_size", "page_token": "page_token", "from_day": "from", "to_day": "to",
    "idempotency_key": "Idempotency-Key",
}  # fmt: skip
"""Parameters of queries and headers, by their names elsewhere."""
_TAG: Final = re.compile(r'"([1-9][0-9]{0,15})"')


ENTRY: Final = "entry"
"""In the path of a route: the id of an entry, which is never `bulk`."""


class EntryConvertor(IdConvertor):
    """One part of a path, but for the name of another route."""

    regex = "(?!bulk(?:/|$))[^/]+"


register_url_convertor(ENTRY, EntryConvertor())


class StockRoute(Route):
    """What it refuses names fields as its requests do. A condition that it would not look at is refused."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Of FastAPI: what answers a request."""
        handle = super().get_route_handler()
        looks_at_versions = any(each.call is _seen for each in self.dependant.dependencies)

        async def handle_in_camel_case(request: Request) -> Response:
            if not looks_at_versions and request.method != "GET" and request.headers.get("if-match", "*") != "*":
                raise InvalidRequest([Violation("If-Match", "is not looked at here: this step happens once as it is")])
            try:
                return await handle(request)
            except InvalidRequest as refusal:
                refusal.rename(in_camel_case)
                raise

        return handle_in_camel_case


class LargeStockRoute(StockRoute, LargeBodyRoute):
    """The same, for a body that may be large."""


def in_camel_case(text: str) -> str:
    """The text, whose names of fields are those of requests."""
    return _WORD.sub(lambda word: _camel(word[0]), text)


def _camel(word: str) -> str:
    return _OTHERS.get(word) or to_camel(word)


async def _seen(
    connection: HTTPConnection,
    if_match: Annotated[
        str, Header(description="The ETag of the version that was seen, else `version` in the body.", examples=['"1"'])
    ] = "",
) -> int:
    if "if-match" not in connection.headers:
        return 0
    tag = _TAG.fullmatch(if_match.strip())
    found = Faults()
    if tag is None:
        found.wrong("If-Match", "must be the ETag of one version, in quotes")
    found.finish()
    return int(tag[1]) if tag else 0


Seen = Annotated[int, Depends(_seen)]
"""The version that the caller has seen, 0 where the request has no If-Match."""


def version_seen(seen: int, said: int) -> int:
    """The version that a request names in If-Match, elsewhere, or in both. Raises InvalidRequest where these differ."""
    if seen and said and seen != said:
        raise InvalidRequest([Violation("version", f"must be {seen} as in If-Match, or be left out, not {said}")])
    return seen or said


def tag_of(version: int) -> str:
    """The entity tag of that version."""
    return f'"{version}"'
