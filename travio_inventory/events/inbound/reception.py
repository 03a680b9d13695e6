"""Decides about one message: it takes effect, has done so before, is nobody's here, or can never take effect.

It knows no event: reactions by type are given to it. Whatever they do is done at least once, and is such that doing it
again changes nothing; the inbox makes it once for an event that comes again.
"""

from collections.abc import Collection
from dataclasses import replace
from enum import StrEnum
from typing import NamedTuple

from travio_inventory.events.inbound.envelope import Envelope
from travio_inventory.events.inbound.message import Message, Unfit
from travio_inventory.kernel.clock import Clock
from travio_inventory.kernel.incoming import Incoming, Reactions
from travio_inventory.kernel.refusals import Refusal, RetryableRefusal
from travio_inventory.protocol.inbox import Inbox, OtherEvent

AHEAD_MS_MAX = 86_400_000
"""An event may be dated so far ahead."""
RETRY_MS_MAX = 60_000
"""What can be tried again only later than that is not waited for: it would stop what is behind it."""


class Fate(StrEnum):
    """What comes of a message."""

    DONE = "done"
    REPEATED = "repeated"
    """It had taken effect before."""
    SKIPPED = "skipped"
    """Nobody here reacts to its type."""


class Received(NamedTuple):
    """What comes of a message; of an event its type and what came of it."""

    fate: Fate
    type: str
    outcome: str = ""


class Reception:
    """Receives messages. Events of other `organizations` than these are refused; of none are if there are none. What
    names none is of the `default` one, if there is one.
    """

    def __init__(
        self,
        inbox: Inbox,
        reactions: Reactions,
        clock: Clock,
        *,
        organizations: Collection[str] = (),
        default: str = "",
    ) -> None:
        self._inbox = inbox
        self._reactions = reactions
        self._clock = clock
        self._organizations = frozenset(organizations)
        self._default = default

    async def receive(self, message: Message) -> Received:
        """Returns once the event has taken effect and that is noted. Raises Unfit; RetryableRefusal, with nothing done
        or not certainly; anything else is a bug of a reaction.
        """
        envelope = Envelope(message)
        reaction = self._reactions.get(envelope.type)
        if reaction is None:
            return Received(Fate.SKIPPED, envelope.type)
        event = envelope.event()
        if not event.organization:
            event = replace(event, organization=self._default)
        self._check(event)
        try:
            noted = await self._inbox.begin(event)
        except RecursionError:
            raise Unfit("NOT_READABLE", "the data are nested too deeply") from None
        if isinstance(noted, OtherEvent):
            raise Unfit("EVENT_ID_REUSED", f"another event came from {event.source} with the id {event.id} before")
        if noted.outcome:
            return Received(Fate.REPEATED, event.type, noted.outcome)
        try:
            outcome = await reaction(event, noted)
        except RetryableRefusal as refusal:
            if refusal.retry_after_ms > RETRY_MS_MAX:
                raise Unfit(refusal.reason, str(refusal)) from refusal
            raise
        except Refusal as refusal:
            raise Unfit(refusal.reason, str(refusal)) from refusal
        return Received(Fate.DONE, event.type, await noted.done(outcome))

    def _check(self, event: Incoming) -> None:
        if self._inbox.is_too_old(event):
            raise Unfit("TOO_OLD", "the event is older than events are remembered: it may have taken effect before")
        if event.at_ms - self._clock.now_ms() > AHEAD_MS_MAX:
            raise Unfit("FROM_THE_FUTURE", "the event is dated more than a day ahead")
        if self._organizations and event.organization not in self._organizations:
            raise Unfit("UNKNOWN_ORGANIZATION", f"events of {event.organization or 'no organization'} are not taken")
