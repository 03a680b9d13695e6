"""Tokens of pages: where the next page of a list begins, in a form that callers only hand back."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from typing import Final

from travio_inventory.kernel.checking import Faults

TOKEN_BYTES_MAX: Final = 2_048


def after(found: Faults, token: str) -> str:
    """The position in a page token; "" is the first page."""
    try:
        if len(token) > TOKEN_BYTES_MAX:
            raise ValueError(token[:1])
        return urlsafe_b64decode(token.encode("ascii", "strict")).decode()
    except (Error, ValueError):
        found.wrong("page_token", "must be empty or a next_page_token")
        return ""


def place(found: Faults, token: str) -> int:
    """The number in a page token; "" is the first page, 0."""
    text = after(found, token)
    if text and not (text.isascii() and text.isdigit()):
        found.wrong("page_token", "must be empty or a next_page_token")
        return 0
    return int(text or "0")


def token_of(after: str) -> str:
    """The token of the next page; "" if there is none."""
    return urlsafe_b64encode(after.encode()).decode()
