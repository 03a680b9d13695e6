"""A message as a broker hands it over, and a letter about one that can never take effect."""

from collections.abc import Iterator, Sequence
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
    def body(self) -> bytes:
        """That of the message, or as much of it as is kept."""
        return self.message.body[:KEPT_BYTES_MAX]

    @property
    def headers(self) -> Sequence[Header]:
        """Those of the message that there is room for, then ours: why it is dead, since when, and where it was."""
        message = self.message
        why = {"reason": self.reason, "said": self.said[:SAID_CHARS_MAX], "at": str(self.at_ms)}
        where = {"topic": message.topic, "place": message.place, "sent-at": str(message.at_ms)}
        cut = {"cut-from": str(len(message.body))} if len(message.body) > KEPT_BYTES_MAX else {}
        own = [Header(f"{PREFIX}{name}", value.encode(errors="replace")) for name, value in (why | where | cut).items()]
        return [*self._theirs(), *own]

    def _theirs(self) -> Iterator[Header]:
        left = HEADERS_BYTES_MAX
        for header in self.message.headers:
            left -= len(header.name) + len(header.value)
            if left >= 0 and not header.name.startswith(PREFIX):
                yield header


PREFIX = "dead-letter-"
"""Of our headers of a dead letter."""
SAID_CHARS_MAX = 1_000
KEPT_BYTES_MAX = 512 * 1_024
HEADERS_BYTES_MAX = 64 * 1_024
SUFFIX = ".dead-letters"
"""Behind the name of a topic or a queue: where its dead letters are."""


class DeadLetters(Protocol):
    """Where dead letters go."""

    async def put(self, letter: DeadLetter) -> None:
        """Returns once it is safe there. Raises LettersUnavailable."""
        ...


class LettersUnavailable(Exception):
    """The letter is not known to be safe: put it again."""
