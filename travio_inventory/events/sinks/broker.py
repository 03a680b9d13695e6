"""Publishes events to a broker over one connection, which it opens when it needs it and gives up when it fails."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from itertools import islice
from typing import Protocol, Self, TypeAlias

from travio_inventory.events.shapes import ToMessages
from travio_inventory.events.shapes.message import Message
from travio_inventory.events.sinks.waves import BEHIND, Shaped, in_waves, shaped
from travio_inventory.kernel.events import Event, PublishFailed, PublishRefused

RECONNECT_S = 0.5
CLOSE_S_MAX = 1.0
EVENTS_MAX = 500
"""Handed over together, unless a line says otherwise."""


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
    def is_held_up(self) -> bool:
        """Whether the broker has asked us to wait: a new connection would have to wait too."""
        ...

    async def close(self) -> None:
        """Close it. Raises anything."""
        ...


OpenLine: TypeAlias = Callable[[], Awaitable[BrokerLine]]


class Broker:
    """Sink. One call at a time takes at most `publish_seconds_max`, and so long waits for the calls before it.

    An event whose message is longer than `message_bytes_max`, or that the broker refuses by itself, is refused alone.
    After any other failure the connection is given up; the next is opened `reconnect_s` later at the earliest, and
    meanwhile events are refused at once. On leaving, the connection is closed.
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

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._give_up()

    async def publish(self, events: Sequence[Event]) -> None:
        """See Sink. Raises PublishFailed, PublishRefused."""
        if not events:
            return
        try:
            async with asyncio.timeout(self._seconds_max):
                await self._one_at_a_time.acquire()
        except TimeoutError:
            raise PublishFailed(f"events before these took more than {self._seconds_max:g} s") from None
        try:
            refused = await self._hand_over(events)
        finally:
            self._one_at_a_time.release()
        if refused:
            raise PublishRefused(refused, {event.id for event in events} - refused.keys())

    async def _hand_over(self, events: Sequence[Event]) -> dict[str, str]:
        """Those that were refused by themselves, by id with the reason. Raises PublishFailed."""
        shaped_ones, refused = shaped(events, self._to_messages, bytes_max=self._bytes_max)
        accepted: list[str] = []
        is_over = False
        try:
            async with asyncio.timeout(self._seconds_max):
                if shaped_ones:
                    await self._in_waves(await self._opened(), shaped_ones, accepted, refused)
            is_over = True
        except TimeoutError:
            self._down = f"the broker took more than {self._seconds_max:g} s"
            raise PublishFailed(self._down, accepted) from None
        except PublishFailed:
            raise
        except Exception as failed:
            self._note(failed)
            raise PublishFailed(self._down, accepted) from failed
        finally:
            if not is_over and not (self._line and self._line.is_held_up):
                await self._give_up()
        return refused

    async def _opened(self) -> BrokerLine:
        """The line. Raises PublishFailed if one failed just now, LineFailed, and what its library raises."""
        now = asyncio.get_running_loop().time()
        if self._line is None:
            if now < self._reopen_at:
                raise PublishFailed(f"not asked again yet: {self._down}")
            self._reopen_at = now + self._reconnect_s
            self._line = await self._open_line()
        return self._line

    async def _in_waves(
        self, line: BrokerLine, events: Sequence[Shaped], accepted: list[str], refused: dict[str, str]
    ) -> None:
        """Adds the ids of the events that the broker has, and those that it refused."""
        stopped: set[str] = set()
        for wave in in_waves(events, events_max=line.events_max):
            goes = [one for one in wave if one.event.subject not in stopped]
            refused |= {one.event.id: BEHIND for one in wave if one.event.subject in stopped}
            messages = [message for one in goes for message in one.messages]
            answers = iter(await line.hand_over(messages) if messages else ())
            for event, own in goes:
                if wrong := [why for why in islice(answers, len(own)) if why is not None]:
                    refused[event.id] = wrong[0]
                    stopped.add(event.subject)
                else:
                    accepted.append(event.id)

    def _note(self, failed: Exception) -> None:
        """Why the line is given up, and when the next may be opened."""
        if isinstance(failed, LineFailed):
            self._down = str(failed)
            again_at = asyncio.get_running_loop().time() + failed.again_in_s
            self._reopen_at = max(self._reopen_at, again_at)
        else:
            self._down = f"{type(failed).__name__}: {failed}"

    async def _give_up(self) -> None:
        """Close the line, within CLOSE_S_MAX."""
        line, self._line = self._line, None
        if line is None:
            return
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S_MAX):
                await line.close()
