"""The token that a caller shows: a text, or what gives one for each call."""

import re
from collections.abc import Awaitable, Callable
from typing import TypeAlias

Token: TypeAlias = str | Callable[[], str] | Callable[[], Awaitable[str]]
"""A token, or what gives one for each call, so that it can be renewed; "" is none."""

_TOKEN = re.compile(r"[!-~]+")
"""What a header has after `Bearer `: visible ASCII without spaces."""


def as_header(token: str, named: str = "the token") -> str:
    """The token without the white space around it, as a file with a line end has it. Raises ValueError, which does not
    show it, if no header can have it.
    """
    bare = token.strip()
    if not _TOKEN.fullmatch(bare):
        why = "has spaces, line ends or signs beyond ASCII in it, and is not shown" if bare else "is empty"
        raise ValueError(f"{named} {why}")
    return bare
