"""What we use of grpclib that it does not promise: the only place; its test fails when that changes."""

from typing import Any, TypeAlias

from grpclib._typing import IProtoMessage, IServable
from grpclib.events import _DispatchServerEvents
from grpclib.metadata import Deadline, _Metadata
from grpclib.protocol import Peer
from grpclib.server import Stream

Servable: TypeAlias = IServable
"""A service: its methods by their paths."""
ReceivedMetadata: TypeAlias = _Metadata
ProtoMessage: TypeAlias = IProtoMessage
"""A message that can be serialized, of whichever library."""


class ServerEvents(_DispatchServerEvents):
    """What `grpclib.events.listen` finds as `__dispatch__` of a server, and asks to be told of each step of a call."""

    is_listened_to = False

    def add_listener(self, event_type: Any, callback: Any) -> None:  # noqa: ANN401 - grpclib's signature
        """Tell it of those events, which each of them may change."""
        self.is_listened_to = True
        super().add_listener(event_type, callback)


class BareStream(Stream[Any, Any]):
    """grpclib's stream as handlers know it, with its data and nothing of its inside: every method is to be replaced."""

    def __init__(  # does not call grpclib's, which sets up what the replaced methods use
        self, *, deadline: Deadline | None, metadata: ReceivedMetadata, user_agent: str | None, peer: Peer
    ) -> None:
        self.deadline = deadline
        self.metadata = metadata
        self.user_agent = user_agent
        self.peer = peer


def deadline_at(time: float) -> Deadline:
    """The deadline at that time of the monotonic clock."""
    return Deadline(_timestamp=time)
