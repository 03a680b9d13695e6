"""What a caller in any language is told to do, and what it tells of it, as JSON; messages are bytes of protobuf."""

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal


@dataclass(frozen=True)
class PlannedCall:
    """`unary`: one message, one reply. `first`: one message; cancelled after the first reply. `chat`: a reply to each
    message before the next one is sent.
    """

    path: str
    messages: Sequence[bytes]
    kind: Literal["unary", "first", "chat"] = "unary"
    metadata: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 60.0


@dataclass(frozen=True)
class Plan:
    """All calls, one after the other, on each of many connections at once; and the same again on new ones.

    `ca` is who is trusted with TLS, None without; `certificate` and `key` are the caller's own.
    """

    address: str
    calls: Sequence[PlannedCall]
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    connections: int = 1
    rounds: int = 1
    authority: str = "localhost"

    def as_json(self) -> str:
        """For a caller's standard input."""
        files = {name: str(getattr(self, name) or "") for name in ("ca", "certificate", "key")}
        numbers = {"connections": self.connections, "rounds": self.rounds}
        calls = [vars(call) | {"messages": [b64encode(each).decode() for each in call.messages]} for call in self.calls]
        return json.dumps({"address": self.address, "authority": self.authority, **files, **numbers, "calls": calls})


def read_plan(text: str) -> Plan:
    """The plan that is written as JSON."""
    told: dict[str, Any] = json.loads(text)
    for name in ("ca", "certificate", "key"):
        told[name] = Path(told[name]) if told[name] else None
    calls = [call | {"messages": [b64decode(each) for each in call["messages"]]} for call in told.pop("calls")]
    return Plan(calls=[PlannedCall(**call) for call in calls], **told)


@dataclass(frozen=True)
class Outcome:
    """What came of a call: the number of its status, the text with it, the replies, and a google.rpc.Status."""

    status: int
    message: str
    replies: tuple[bytes, ...]
    details: bytes

    def as_json(self) -> dict[str, object]:
        """As callers print it."""
        replies = [b64encode(reply).decode() for reply in self.replies]
        details = b64encode(self.details).decode()
        return {"status": self.status, "message": self.message, "replies": replies, "details": details}


def read_outcomes(text: str) -> list[tuple[Outcome, ...]]:
    """What each connection of a caller printed: an outcome for each call."""
    return [tuple(_outcome(**each) for each in connection) for connection in json.loads(text)]


def _outcome(status: int, message: str, replies: list[str] | None, details: str | None) -> Outcome:
    return Outcome(status, message, tuple(b64decode(reply) for reply in replies or ()), b64decode(details or ""))
