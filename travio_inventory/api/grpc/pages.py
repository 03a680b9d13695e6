"""Pages of long answers: how large, and from where on, in a token that says nothing to callers."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import NamedTuple

from travio_inventory.api.grpc.fields import Fields

TOKEN_BYTES_MAX = 2_048


class PageAsked(NamedTuple):
    """At most so many items, from behind `after` on ("" = from the first)."""

    after: str
    most: int


def page_asked(request: Fields, *, most_default: int, most_max: int) -> PageAsked:
    """Read `page_size` and `page_token`."""
    most = request.number("page_size", 0, most_max) or most_default
    token = request.text("page_token", TOKEN_BYTES_MAX)
    try:
        return PageAsked(urlsafe_b64decode(token.encode("ascii", "strict")).decode(), most)
    except (Error, UnicodeError):
        request.wrong("page_token", "must be empty or what next_page_token was")
        return PageAsked("", most)


def token(after: str) -> str:
    """What asks for the next page; "" where there is none."""
    return urlsafe_b64encode(after.encode()).decode()
