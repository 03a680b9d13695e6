"""Events that a webhook refused for good, as dead letters; and a dead letter as the event that it was."""

import json
from typing import Any, NamedTuple

from travio_inventory.events.shapes.native import line_of
from travio_inventory.kernel.actor import ActorKind
from travio_inventory.kernel.events import Event, PublishFailed
from travio_inventory.kernel.json_text import encode
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, Way
from travio_inventory.protocol.dead_letters import DeadLetters, NoRoom


class Letter(NamedTuple):
    """An event that was refused, when, with which status, and the beginning of the answer."""

    event: Event
    at_ms: int
    status: int
    answer: str

    @property
    def reason(self) -> str:
        """For programs."""
        return f"HTTP_{self.status}"


class SinkLetters:
    """The dead letters of one sink. Implements the webhook's Letters."""

    def __init__(self, letters: DeadLetters, sink: str) -> None:
        self._letters = letters
        self._of = LetterList(Way.OUT, sink)

    async def add(self, letter: Letter) -> None:
        """See Letters."""
        event, body = letter.event, line_of(letter.event).encode()
        kept = DeadLetter(
            of=self._of,
            reason=letter.reason,
            said=letter.answer,
            at_ms=letter.at_ms,
            topic=event.type,
            place=event.subject,
            body=body,
            size=len(body),
            event=event.id,
            sent_at_ms=event.at_ms,
        )
        try:
            await self._letters.keep(kept)
        except (RetryableRefusal, NoRoom) as failed:
            raise PublishFailed(f"a dead letter cannot be kept: {failed}") from failed


def event_of(letter: DeadLetter) -> Event:
    """The event as it was. Raises ValueError, KeyError or TypeError if it is none."""
    event: dict[str, Any] = json.loads(letter.body)
    return Event(**(event | {"data": encode(event["data"]), "actor": ActorKind(event["actor"])}))
