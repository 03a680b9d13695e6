"""A message as a broker hands it over, and what is raised where it can never take effect."""

from dataclasses import dataclass
from typing import NamedTuple

SAID_CHARS_MAX = 500
"""Of what is said of a message: it may repeat what that says, which its sender chose."""


class Header(NamedTuple):
    """A header of a message."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """`topic` is the topic or queue that it came by, `place` where in it, for people. `at_ms` is when the broker says
    that it was sent, 0 where it does not say. `key` is what the broker keeps in order, None where it has none. `fault`
    is why the broker's library cannot read the whole of it, "" where it can.
    """

    topic: str
    place: str
    body: bytes
    headers: tuple[Header, ...] = ()
    content_type: str = ""
    at_ms: int = 0
    key: bytes | None = None
    fault: str = ""


class Unfit(Exception):
    """The message can never take effect as it is; `reason` is a name for programs, the text is for people."""

    def __init__(self, reason: str, said: str) -> None:
        super().__init__(said if len(said) <= SAID_CHARS_MAX else f"{said[:SAID_CHARS_MAX]} ...")
        self.reason = reason
