"""Writes a value into a line of text: short, on one line, without a password."""

import re

SHOWN_CHARS_MAX = 120


def shown(value: object) -> str:
    """The value on one line, in quotes if it is text."""
    return one_line(plain(value)) if isinstance(value, int) else repr(plain(value))


def plain(value: object) -> str:
    """The value as a user would write it, without a password, no longer than a line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return ""
    text = masked(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "..."


def masked(address: str) -> str:
    """The address without the user and password before its last @."""
    return re.sub(r"(://|^).*@", r"\1***@", address, count=1, flags=re.DOTALL)


def one_line(text: str) -> str:
    """The text with everything but printable ASCII escaped."""
    return text.encode("unicode_escape").decode()
