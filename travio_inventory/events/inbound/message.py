"""A message as a broker hands it over, and a letter about one that can never take effect."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol


class Header(NamedTuple):
    """A header of a message."""

    name: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Message:
    """`topic` is the topic or queue that it came by, `place` where in it, for people. `at_ms` is when the broker says
    that it was sent, 0 where it does not say. `key` is what the broker keeps in order, None where it has none.
    """

    topic: str
    place: str
    body: bytes
    headers: tuple[Header, ...] = ()
    content_type: str = ""
    at_ms: int = 0
    key: bytes | None = None


class Unfit(Exception):
    """The message can never take effect as it is; `reason` is a name for programs, the text is for people."""

    def __init__(self, reason: str, said: str) -> None:
        super().__init__(said)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message, and why it can never take effect as it is."""

    message: Message
    reason: str
    said: str
    at_ms: int

    @property
    def headers(self) -> Sequence[Header]:
        """Those of the message, then ours: why it is dead, since when, and where it was."""
        why = {"reason": self.reason, "said": self.said[:SAID_CHARS_MAX], "at": str(self.at_ms)}
        where = {"topic": self.message.topic, "place": self.message.place, "sent-at": str(self.message.at_ms)}
        own = [Header(f"{PREFIX}{name}", value.encode()) for name, value in {**why, **where}.items()]
        return [*(header for header in self.message.headers if not header.name.startswith(PREFIX)), *own]


PREFIX = "dead-letter-"
"""Of our headers of a dead letter."""
SAID_CHARS_MAX = 1_000
SUFFIX = ".dead-letters"
"""Behind the name of a topic or a queue: where its dead letters are."""


class DeadLetters(Protocol):
    """Where dead letters go."""

    async def put(self, letter: DeadLetter) -> None:
        """Returns once it is safe there. Raises LettersUnavailable."""
        ...


class LettersUnavailable(Exception):
    """The letter is not known to be safe: put it again."""
