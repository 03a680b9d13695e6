"""Ids in paths: any id may be one part of a path, also with a slash in it, which is written %2F."""

from typing import Final
from urllib.parse import quote, unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

ID_CONVERTOR: Final = "id"
"""In the path of a route: `/v1/trips/{trip_id:id}`."""


class IdConvertor(Convertor[str]):
    """One part of a path that `keep_slashes` has prepared."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        return unquote(value) if "%" in value else value

    def to_string(self, value: str) -> str:
        return value.replace("%", "%25").replace("/", "%2F")


register_url_convertor(ID_CONVERTOR, IdConvertor())


def keep_slashes(scope: Scope) -> None:
    """Decode the path of a request but for slashes and per cent signs, which its routes decode part by part. Raises
    UnicodeDecodeError for what is no UTF-8: as a text it would be the same as others that are none.
    """
    raw: bytes = scope["raw_path"]
    if b"%" in raw:
        kept = raw.replace(b"%25", b"%2525").replace(b"%2F", b"%252F").replace(b"%2f", b"%252F")
        scope["path"] = unquote(kept.decode("ascii"), errors="strict")


def part_of_path(text: str) -> str:
    """The text as one part of a path."""
    return quote(text, safe="")
