"""Publishes recorded events to a sink again, piece by piece; whoever stops it goes on where it was."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from travio_inventory.events.event_order import in_order
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused, Sink, SinkDown
from travio_inventory.protocol.dead_letters import DeadLetters
from travio_inventory.protocol.recorded_events import Piece, Position

RETRY_S = (0.5, 5.0)
SUBJECTS_MAX = 10_000
"""Refused events of more subjects end the replay: what follows them may not overtake them."""


class ReplayStopped(Exception):
    """The sink accepted nothing for too long, or refuses too much. All before the position was published."""


@dataclass(slots=True)
class Replayed:
    """How far a replay is."""

    position: Position = field(default_factory=Position)
    """Everything before it was published, or refused."""
    published: int = 0
    dead_letters: int = 0
    """How many a webhook refused for good."""
    at_ms: int = 0
    """When the last one happened."""
    epochs_read: int = 0
    epochs: int = 0
    unreadable: int = 0
    refused: dict[str, str] = field(default_factory=dict)
    """By subject, why its first refused event was. The later ones were not published either."""


class Replay:
    """One replay. It is not given up before the sink accepted nothing for `down_s_max`. A sink that keeps dead letters
    has them in `letters`.
    """

    def __init__(
        self, pieces: AsyncIterator[Piece], sink: Sink, *, down_s_max: float, letters: DeadLetters | None = None
    ) -> None:
        self.replayed = Replayed()
        self._pieces = pieces
        self._sink = sink
        self._down_s_max = down_s_max
        self._letters = letters
        self._done: Collection[str] = ()
        """What the last call published."""

    async def run(self, told: Callable[[Replayed], None]) -> None:
        """Publish all of them; `told` hears of each piece. Raises ReplayStopped, and what the pieces raise."""
        done = self.replayed
        async for piece in self._pieces:
            await self._publish_all(in_order(piece.events))
            done.position, done.epochs_read, done.epochs = piece.position, piece.epochs_read, piece.epochs
            done.unreadable += piece.unreadable
            told(done)

    async def _publish_all(self, events: Sequence[Event]) -> None:
        loop = asyncio.get_running_loop()
        well_at, wait_s, at_once = loop.time(), RETRY_S[0], len(events)
        left = self._allowed(events)
        while left:
            before = len(left)
            failed = await self._publish(left[:at_once])
            left = self._allowed(event for event in left if event.id not in self._done)
            if failed is None or len(left) < before:
                well_at, wait_s = loop.time(), RETRY_S[0]
            elif loop.time() - well_at >= self._down_s_max:
                raise ReplayStopped(str(failed)) from failed
            if failed is not None:
                at_once = at_once if isinstance(failed, SinkDown) else max(at_once // 2, 1)
                await asyncio.sleep(wait_s)
                wait_s = min(wait_s * 2, RETRY_S[1])
            if len(self.replayed.refused) >= SUBJECTS_MAX:
                raise ReplayStopped(f"events of {SUBJECTS_MAX} holds were refused")

    async def _publish(self, events: Sequence[Event]) -> PublishFailed | None:
        """Why not all of them were published or refused."""
        failed: PublishFailed | None = None
        dead_before = self._dead_letters
        accepted: Collection[str] = {event.id for event in events}
        try:
            await self._sink.publish(events)
        except PublishRefused as refused:
            accepted = refused.accepted
            for event in events:
                if event.id in refused.refused:
                    self.replayed.refused.setdefault(event.subject, f"{event.id}: {refused.refused[event.id]}")
        except PublishFailed as error:
            failed, accepted = error, error.accepted
        published = [event for event in events if event.id in accepted]
        self._done = {event.id for event in published}
        dead = self._dead_letters - dead_before
        self.replayed.dead_letters += dead
        self.replayed.published += len(published) - dead
        self.replayed.at_ms = max([self.replayed.at_ms, *(event.at_ms for event in published)])
        return failed

    @property
    def _dead_letters(self) -> int:
        return self._letters.kept if self._letters is not None else 0

    def _allowed(self, events: Iterable[Event]) -> list[Event]:
        """Those that follow no refused one of their subject."""
        return [event for event in events if event.subject not in self.replayed.refused]
