"""Writes a value into a line of text: short, on one line, without a password."""

import re

SHOWN_CHARS_MAX = 120

_OF_A_FILE = "-----BEGIN"
_NEXT_URL = r"(?!,\s*[\w=.+-]+://)"
_HEAD = re.compile(r"^((?!://).)*@", re.DOTALL)
_LOGIN = re.compile(rf"://(?:{_NEXT_URL}.)*@", re.DOTALL)
_NO_PATH = r"(?!/|%2[Ff])"
_SECRET = rf"(?:password|secret|token)(?:(?!_file)[^=&]*=|_file={_NO_PATH})"
_SECRET_OPTION = re.compile(rf"([?&#][^=&]*{_SECRET})(?:{_NEXT_URL}[^&])*", re.DOTALL)


def shown(value: object) -> str:
    """The value on one line, in quotes if it is text. What is in a file of certificates or keys is not shown."""
    if isinstance(value, str) and _OF_A_FILE in value:
        return repr(f"{_OF_A_FILE}...")
    return one_line(plain(value)) if isinstance(value, int) else repr(plain(value))


def plain(value: object) -> str:
    """The value as a user would write it, without a password, no longer than a line."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if value is None:
        return ""
    text = masked(value) if isinstance(value, str) else str(value)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "..."


def masked(text: str) -> str:
    """The address, or the list of URLs, without the users and passwords before an @ and without secret options.

    What may be part of a secret counts as one: all from `://` to the last @ before the next URL, and what stands in
    place of a secret's file and does not begin with /.
    """
    if "://" not in text:
        return re.sub(r"^.*@", "***@", text, count=1, flags=re.DOTALL)
    return _SECRET_OPTION.sub(r"\1***", _LOGIN.sub("://***@", _HEAD.sub("***@", text)))


def one_line(text: str) -> str:
    """The text with everything but printable ASCII escaped."""
    return text.encode("unicode_escape").decode()
