"""The moment before which a sink has had every event: so that a relay that starts too late says what was forgotten.

Epochs cannot tell: while nobody relays they stand still, and events go on.
"""

import logging
from collections import deque
from typing import NamedTuple

from travio_inventory.kernel.clock import Clock, in_utc
from travio_inventory.protocol.batches import Kind, Row, RowKey, Write
from travio_inventory.protocol.rows import number

SLACK_MS = 600_000
"""An event was recorded so long before its epoch was seen open at most: steps count epochs on by themselves."""
EPOCH_S_MIN = 60

ROW = RowKey(Kind.CURSOR, "until")

log = logging.getLogger(__name__)


class _Opened(NamedTuple):
    epoch: int
    at_ms: int


class PublishedUntil:
    """Of one sink, by the clocks of the processes that relay to it. Events are kept for `kept_s`."""

    def __init__(self, sink: str, clock: Clock, *, kept_s: int) -> None:
        self._sink = sink
        self._clock = clock
        self._kept_s = kept_s
        self._until_ms = 0
        self._newest = 0
        self._opened: deque[_Opened] = deque(maxlen=kept_s // EPOCH_S_MIN)
        """When this process saw epochs open that opened before its eyes."""
        self.missed_s = 0
        """So many seconds before those that are kept the sink had not had every event, when the relay started."""

    def begin(self, row: Row | None) -> None:
        """The relay starts, and that row was stored. Logs what is no longer kept."""
        kept_from_ms = self._clock.now_ms() - self._kept_s * 1_000
        self._until_ms = self._clock.now_ms() if row is None else number(row, "reached")
        self.missed_s = max(kept_from_ms - self._until_ms, 0) // 1_000
        if self.missed_s:
            log.error(
                "events for %s from %s to %s are no longer kept, and those that it had not had are lost to it: they "
                "are kept for %d s (TRAVIO_EVENT_RETENTION_SECONDS); it goes on with the next",
                self._sink, in_utc(self._until_ms), in_utc(kept_from_ms), self._kept_s,
            )  # fmt: skip

    def saw(self, open_epoch: int) -> None:
        """That epoch is open now."""
        if self._newest and open_epoch > self._newest:
            self._opened.append(_Opened(open_epoch, self._clock.now_ms()))
        self._newest = open_epoch

    def write(self, first: int) -> Write:
        """The row to store when the sink has every event of the epochs before that one."""
        while self._opened and self._opened[0].epoch <= first:
            self._until_ms = max(self._until_ms, self._opened.popleft().at_ms - SLACK_MS)
        return Write(ROW, {}, {"reached": self._until_ms})
