"""Publishes events to a broker over one connection, which it opens when it needs it and gives up when it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol, Self, TypeAlias

from travio_inventory.events.shapes import ToMessages
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.waves import BEHIND, Shaped, in_waves, shaped
from travio_inventory.kernel.error_words import error_in_words
from travio_inventory.kernel.events import Event, PublishRefused, SinkDown

RECONNECT_S = 0.5
CLOSE_S_MAX = 1.0
EVENTS_MAX = 500
"""Handed over together, unless a line says otherwise."""
FEWER = 8
"""After a line broke, so many times fewer are handed over together; after each wave that goes well, twice as many."""
BREAKS_MAX = 2
"""An event that breaks so many lines in a row, handed over alone, is refused by itself."""
HELD_UP = "the broker has us wait: it is short of memory or disk"


class LineFailed(Exception):
    """The broker is down, full, or refuses us: what was handed over may have arrived or not. The message says why. The
    broker is not to be asked again before `again_in_s`.
    """

    def __init__(self, why: str, *, again_in_s: float = 0) -> None:
        super().__init__(why)
        self.again_in_s = again_in_s


class BrokerLine(Protocol):
    """One connection to a broker."""

    @property
    def events_max(self) -> int:
        """How many may be handed over together."""
        ...

    async def hand_over(self, messages: Sequence[Message]) -> Sequence[str | None]:
        """Hand the messages over, in order and without waiting for one before the next is sent. Returns once each is
        safe there or was refused by itself: None, or why. Raises LineFailed, or what its library raises.
        """
        ...

    @property
    def is_atomic(self) -> bool:
        """Whether it takes all that is handed over together, or nothing."""
        ...

    @property
    def is_held_up(self) -> bool:
        """Whether the broker has asked us to wait: a new connection would have to wait too."""
        ...

    async def close(self) -> None:
        """Close it. Raises anything."""
        ...


OpenLine: TypeAlias = Callable[[], Awaitable[BrokerLine]]


class Broker:
    """Sink. One call at a time takes at most `publish_seconds_max`, and so long waits for the calls before it.

    An event whose message is longer than `message_bytes_max`, that the broker refuses by itself, or that breaks one
    line after the other is refused alone. After any other failure the sink is down: the connection is given up, and the
    next is opened `reconnect_s` later at the earliest. On leaving, the connection is closed.
    """

    def __init__(
        self,
        open_line: OpenLine,
        to_messages: ToMessages,
        *,
        publish_seconds_max: float,
        message_bytes_max: int,
        reconnect_s: float = RECONNECT_S,
    ) -> None:
        self._open_line = open_line
        self._to_messages = to_messages
        self._seconds_max = publish_seconds_max
        self._bytes_max = message_bytes_max
        self._reconnect_s = reconnect_s
        self._one_at_a_time = asyncio.Lock()
        self._line: BrokerLine | None = None
        self._down = "not yet connected"
        """Why there is no line."""
        self._reopen_at = 0.0
        self._at_once = EVENTS_MAX
        """How many are handed over together: few after a line broke, to find the event that breaks it, if one does."""
        self._handed: Sequence[Shaped] = ()
        """What is handed over and not yet answered."""
        self._breaking, self._breaks = "", 0
        """The id of the event that broke the last lines, alone, and how many."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._give_up()

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink. Raises PublishRefused, SinkDown."""
        if not events:
            return
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise SinkDown(f"events before these took more than {self._seconds_max:g} s") from None
        try:
            refused = await self._hand_over(events)
        finally:
            self._one_at_a_time.release()
        if refused:
            raise PublishRefused(refused, {event.id for event in events} - refused.keys())

    async def _hand_over(self, events: Sequence[Event]) -> dict[str, str]:
        """Those that were refused by themselves, by id with the reason. Raises SinkDown."""
        shaped_ones, refused = shaped(events, self._to_messages, bytes_max=self._bytes_max)
        accepted: list[str] = []
        is_over = False
        try:
            async with asyncio.timeout(self._seconds_max):
                if shaped_ones:
                    await self._in_waves(await self._opened(), shaped_ones, accepted, refused)
            is_over = True
        except TimeoutError:
            self._down = HELD_UP if self._is_held_up else f"the broker took more than {self._seconds_max:g} s"
            raise SinkDown(self._down, accepted) from None
        except SinkDown:
            raise
        except Exception as failed:
            self._note(failed)
            raise SinkDown(self._down, accepted) from failed
        finally:
            if not is_over and not self._is_held_up:
                self._note_break()
                await self._give_up()
            self._handed = ()
        return refused

    @property
    def _is_held_up(self) -> bool:
        return self._line is not None and self._line.is_held_up

    async def _opened(self) -> BrokerLine:
        """The line. Raises SinkDown if one failed just now, LineFailed, and what its library raises."""
        now = asyncio.get_running_loop().time()
        if self._line is None:
            if now < self._reopen_at:
                raise SinkDown(f"not asked again yet: {self._down}")
            self._reopen_at = now + self._reconnect_s
            self._line = await self._open_line()
        return self._line

    async def _in_waves(
        self, line: BrokerLine, events: Sequence[Shaped], accepted: list[str], refused: dict[str, str]
    ) -> None:
        """Adds the ids of the events that the broker has, and those that it refused."""
        stopped: set[str] = set()
        if self._breaks >= BREAKS_MAX:
            refused |= {event.id: f"the line breaks: {self._down}" for event, _ in events if event.id == self._breaking}
            stopped |= {event.subject for event, _ in events if event.id == self._breaking}
            self._breaking, self._breaks = "", 0
            events = [one for one in events if one.event.id not in refused]
        most = min(line.events_max, self._at_once)
        for wave in in_waves(events, events_max=most, is_atomic=line.is_atomic):
            goes = [one for one in wave if one.event.subject not in stopped]
            refused |= {one.event.id: BEHIND for one in wave if one.event.subject in stopped}
            messages = [message for one in goes for message in one.messages]
            self._handed = goes
            answers = iter(await line.hand_over(messages) if messages else ())
            self._handed = ()
            self._at_once = min(self._at_once * 2, EVENTS_MAX)
            for event, own in goes:
                if wrong := [why for why in islice(answers, len(own)) if why is not None]:
                    refused[event.id] = wrong[0]
                    stopped.add(event.subject)
                else:
                    accepted.append(event.id)

    def _note_break(self) -> None:
        """The line failed, perhaps by what was handed over."""
        if len(self._handed) == 1:
            name = self._handed[0].event.id
            self._breaks = self._breaks + 1 if name == self._breaking else 1
            self._breaking = name
        if self._handed:
            self._at_once = max(len(self._handed) // FEWER, 1)

    def _note(self, failed: Exception) -> None:
        """Why the line is given up, and when the next may be opened."""
        if isinstance(failed, LineFailed):
            self._down = str(failed)
            again_at = asyncio.get_running_loop().time() + failed.again_in_s
            self._reopen_at = max(self._reopen_at, again_at)
        else:
            self._down = error_in_words(failed)

    async def _give_up(self) -> None:
        """Close the line, within CLOSE_S_MAX."""
        line, self._line = self._line, None
        if line is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S_MAX):
                await line.close()
