"""The jobs that take events in, and those that give dead letters again; where these are, and how many."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from travio_inventory.app.assemble import Assembly
from travio_inventory.app.backends import Store
from travio_inventory.app.background import DeadLetterJob, Job
from travio_inventory.app.background.dead_letters import Ended, Give, Given, StillDead, TryLater
from travio_inventory.app.inbound import inbound
from travio_inventory.app.sinks import open_webhook
from travio_inventory.app.told_figures import tell_letters
from travio_inventory.events.choice import parse_sinks
from travio_inventory.events.inbound.letters import message_of
from travio_inventory.events.inbound.message import Unfit
from travio_inventory.events.inbound.reception import Reception
from travio_inventory.events.sinks.dead_letters import Letter, event_of
from travio_inventory.events.targets.webhook import WebhookUrl
from travio_inventory.kernel.clock import SystemClock
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.events import PublishFailed
from travio_inventory.kernel.refusals import RetryableRefusal
from travio_inventory.protocol.dead_letter_rows import DeadLetter, LetterList, Way
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.settings import EventSettings, Settings
from travio_inventory.telemetry.meters import Meters
from travio_inventory.telemetry.metrics import Figures

if TYPE_CHECKING:
    from travio_inventory.telemetry.tracing import Tracing

INTERNAL, NOT_READABLE = "INTERNAL", "NOT_READABLE"
SENT = "sent"


def dead_letters_of(settings: Settings, store: Store) -> DeadLetters:
    """Those of the store, as an operator chose."""
    retention = settings.retention
    return DeadLetters(
        store.batches, SystemClock(), kept_s=retention.dead_letters_seconds, letters_max=retention.dead_letters_max
    )


def event_jobs(
    settings: Settings,
    assembly: Assembly,
    store: Store,
    figures: Figures,
    meters: Meters,
    tracing: "Tracing | None" = None,
) -> Mapping[str, Job]:
    """The jobs by name. Raises StartFailed if a library or a file is missing."""
    letters, sender = dead_letters_of(settings, store), assembly.sender
    taken = inbound(settings.events_in, assembly, letters, figures, tracing)
    again = givers(taken.receptions, settings.events, relays=settings.background.relay == "on")
    job = DeadLetterJob(letters, again, waits=sender.waits, jitter=sender.random)
    tell_letters(meters, job.counts, sender.clock)
    return {**taken.jobs, "dead letters": job.run}


def givers(receptions: Mapping[str, Reception], events: EventSettings, *, relays: bool) -> dict[LetterList, Give]:
    """By list, what gives a letter of it again: to what receives events of that source, and to that webhook if this
    process `relays`.
    """
    found: dict[LetterList, Give] = {
        LetterList(Way.IN, name): _Receiving(reception).give for name, reception in receptions.items()
    }
    if relays:
        for name, target in parse_sinks(events.sinks):
            if isinstance(target, WebhookUrl):
                found[LetterList(Way.OUT, name)] = _Posting(name, target).give
    return found


class _Receiving(NamedTuple):
    """Gives letters to the consumer: under the same fences as any message, with the id that it has."""

    reception: Reception

    async def give(self, letter: DeadLetter) -> Given:
        try:
            received = await self.reception.receive(message_of(letter))
        except Unfit as unfit:
            return StillDead(unfit.reason, str(unfit))
        except RetryableRefusal:
            raise
        except Exception as bug:  # noqa: BLE001 - as for any message: whatever it is, it must stop no other
            return StillDead(INTERNAL, error_in_words(bug))
        return Ended(received.outcome or received.fate.value)


class _Posting(NamedTuple):
    """Gives letters to a webhook."""

    sink: str
    target: WebhookUrl

    async def give(self, letter: DeadLetter) -> Given:
        try:
            event = event_of(letter)
        except (ValueError, KeyError, TypeError) as wrong:
            return StillDead(NOT_READABLE, error_in_words(wrong))
        again = _Again()
        try:
            async with open_webhook(self.target, self.sink, again) as webhook:
                await webhook.publish([event])
        except PublishFailed as failed:
            raise TryLater(str(failed)) from failed
        if again.letters:
            [refused] = again.letters
            return StillDead(refused.reason, refused.answer)
        return Ended(SENT)


class _Again:
    """Letters that are refused again."""

    def __init__(self) -> None:
        self.letters: list[Letter] = []

    async def add(self, letter: Letter) -> None:
        """See Letters."""
        self.letters.append(letter)
