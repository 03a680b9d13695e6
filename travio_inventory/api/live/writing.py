"""What the server lets live maps do: write what is told at once, past the tasks of those who wait for it, and stay."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from travio_inventory.kernel.refusals import Overloaded

if TYPE_CHECKING:  # gRPC uses it without HTTP
    from starlette.types import Scope

WRITE_NOW: Final = "write_now"
"""The name under which the state of a request or a WebSocket has what writes a part of its answer, and says whether it
could.
"""
MAY_STAY: Final = "may_stay"
"""The name under which the state of a request has what says whether there is room for an answer without an end."""

SEND_NOW: Final = "send_now"
"""The method of a gRPC stream that sends one of its messages in the same way."""


def needs_room(scope: "Scope") -> None:
    """Before an answer without an end begins. Raises Overloaded where too many stay already."""
    may_stay = scope.get("state", {}).get(MAY_STAY)
    if may_stay is not None and not may_stay():
        raise Overloaded


def writer_of(scope: "Scope") -> Callable[[Any], bool]:
    """What writes the bytes of a body, or the texts of a WebSocket: all or none, and none where it had to wait."""
    return scope.get("state", {}).get(WRITE_NOW) or never


def sender_of(stream: object) -> Callable[[bytes], bool]:
    """What sends a serialized message of a gRPC stream: all or nothing, and nothing where it had to wait."""
    return getattr(stream, SEND_NOW, never)


def never(_: object) -> bool:
    """What sends nothing at once."""
    return False
