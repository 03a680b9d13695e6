"""Live seat maps: what changes on a journey, update by update; after a loss the client goes on where it was."""

import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from time import monotonic

import anyio

from travio_inventory.client.answers import MapUpdate, SeatNow
from travio_inventory.client.connection import Connection
from travio_inventory.client.holds import Account
from travio_inventory.client.messages import moment_or_none
from travio_inventory.client.refusals import FAILURES, ClientError, refusal_from
from travio_inventory.client.retries import TRANSIENT
from travio_inventory.kernel.refusals import BackendUnavailable, Refusal, RetryableRefusal, Unauthenticated
from travio_inventory.seats.trip import Journey
from travio_inventory.wire.inventory import v1 as wire

SILENT_S_MAX = 45.0
"""Three heartbeats: who hears nothing for so long is not connected any more."""
PAUSE_S = 0.5
PAUSE_S_MAX = 10.0
GIVE_UP_S_DEFAULT = 300.0


class LiveMaps:
    """What an `InventoryClient` watches."""

    _connection: Connection
    _account: Account

    async def watch(
        self,
        trip: str,
        origin: str,
        destination: str,
        *,
        segments: Journey | None = None,
        section: str = "",
        position: str = "",
        give_up_s: float = GIVE_UP_S_DEFAULT,
    ) -> AsyncGenerator[MapUpdate]:
        """What happens to the seats of a journey, until the caller leaves: all seats first (`is_whole`), then those
        that change. From the `position` of an update, what has changed since. A program that reads slowly is told
        several changes at once.

        After a loss it goes on from where it was, also after its token has expired, if the client renews it; all seats
        come again only if what was missed is not known any more.
        Raises what `seat_map` raises; BackendUnavailable or Overloaded if nobody answers within the deadline at first,
        or later for `give_up_s`.
        """
        first, last = segments or (None, None)
        request = wire.WatchSeatMapRequest(
            trip_id=trip,
            from_station_id=origin,
            to_station_id=destination,
            organization_id=self._account.organization,
            from_segment_index=first,
            to_segment_index=last,
            section_id=section,
            position=position,
        )
        lost = _Losses(self._connection.retries.deadline_s, give_up_s, renews_token=self._connection.renews_token)
        while True:
            try:
                async with aclosing(self._updates(request, lost)) as updates:
                    async for update in updates:
                        yield update
                lost.note(BackendUnavailable("the live map has ended"))
            except FAILURES as failure:
                lost.note(refusal_from(failure, writes=False))
            except (*TRANSIENT, Unauthenticated) as refusal:
                lost.note(refusal)
            await anyio.sleep(lost.pause_s)

    async def _updates(self, request: wire.WatchSeatMapRequest, lost: "_Losses") -> AsyncGenerator[MapUpdate]:
        """The updates of one stream; the request goes on where it ends."""
        messages = self._connection.stream(
            "WatchSeatMap", request, wire.WatchSeatMapResponse, silent_s_max=SILENT_S_MAX
        )
        async with aclosing(messages):
            async for message in messages:
                if message.kind == wire.WatchSeatMapKind.CHANGE and message.after != request.position:
                    request.position = ""  # something is missing, so everything is read again
                    return
                request.position = message.position
                lost.over()
                if message.kind != wire.WatchSeatMapKind.HEARTBEAT:
                    yield _update(message)


class _Losses:
    """How often the service was lost since it last answered, and for how long that may go on."""

    def __init__(self, at_first_s: float, later_s: float, *, renews_token: bool) -> None:
        self._ends_s = monotonic() + at_first_s
        self._later_s = later_s
        self._renews_token = renews_token
        self._has_answered = False
        self._count = 0
        self._retry_after_s = 0.0

    def over(self) -> None:
        """It answers."""
        self._count, self._retry_after_s, self._has_answered = 0, 0.0, True
        self._ends_s = monotonic() + self._later_s

    def note(self, why: Refusal | ClientError) -> None:
        """It does not answer. Raises why, if that lasts or will not pass."""
        has_expired = isinstance(why, Unauthenticated) and self._renews_token and self._has_answered
        if not (has_expired or isinstance(why, TRANSIENT)) or monotonic() > self._ends_s:
            raise why
        self._count += 1
        self._has_answered = False
        self._retry_after_s = why.retry_after if isinstance(why, RetryableRefusal) else 0.0

    @property
    def pause_s(self) -> float:
        """How long to wait: so that many who lost the same service do not all come back at once."""
        longest_s = min(PAUSE_S * (1 << min(self._count, 10)), PAUSE_S_MAX)
        return self._retry_after_s + random.uniform(0.0, longest_s)  # noqa: S311 - spreads waits, guards nothing


def _update(message: wire.WatchSeatMapResponse) -> MapUpdate:
    return MapUpdate(
        seats=tuple(
            SeatNow(seat.seat_id, wire.SeatStatus(seat.status), moment_or_none(seat.hold_expires_at), seat.version)
            for seat in message.seats
        ),
        is_whole=message.kind == wire.WatchSeatMapKind.SNAPSHOT,
        trip_changed=message.reason == wire.WatchSeatMapReason.TRIP_CHANGED,
        position=message.position,
        as_of=moment_or_none(message.as_of),
    )
