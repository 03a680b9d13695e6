"""Writes what is told at once, past the tasks of those who wait for it, where the server can."""

from collections.abc import Callable
from typing import Any, Final

from starlette.types import Scope

WRITE_NOW: Final = "write_now"
"""The name under which the state of a request or a WebSocket has what writes a part of its answer, and says whether it
could.
"""


def writer_of(scope: Scope) -> Callable[[Any], bool]:
    """What writes the bytes of a body, or the texts of a WebSocket: all or none, and none where it had to wait."""
    return scope.get("state", {}).get(WRITE_NOW) or _never


def _never(_: object) -> bool:
    return False
