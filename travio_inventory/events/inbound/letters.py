"""Messages that can never take effect as they are, as dead letters; and a dead letter as the message that it was."""

from travio_inventory.events.inbound.envelope import Envelope
from travio_inventory.events.inbound.message import Header, Message, Unfit
from travio_inventory.kernel.clock import Clock
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, Way
from travio_inventory.protocol.dead_letters import DeadLetters


class SourceLetters:
    """The dead letters of one source."""

    def __init__(self, letters: DeadLetters, source: str, clock: Clock) -> None:
        self._letters = letters
        self._of = LetterList(Way.IN, source)
        self._clock = clock

    async def put(self, message: Message, unfit: Unfit) -> None:
        """Returns once the message is safe there. Raises NoRoom, BackendUnavailable, OutcomeUnknown."""
        letter = DeadLetter(
            of=self._of,
            reason=unfit.reason,
            said=str(unfit),
            at_ms=self._clock.now_ms(),
            topic=message.topic,
            place=message.place,
            body=message.body,
            size=len(message.body),
            event=_event_id(message),
            key=message.key,
            headers=message.headers,
            content_type=message.content_type,
            sent_at_ms=message.at_ms,
        )
        await self._letters.keep(letter)


def message_of(letter: DeadLetter) -> Message:
    """The message as it came."""
    return Message(
        letter.topic,
        letter.place,
        letter.body,
        tuple(Header(name, value) for name, value in letter.headers),
        content_type=letter.content_type,
        at_ms=letter.sent_at_ms,
        key=letter.key,
    )


def _event_id(message: Message) -> str:
    """The id that it says, "" where it says none that can be read."""
    try:
        return Envelope(message).id
    except Unfit:
        return ""
