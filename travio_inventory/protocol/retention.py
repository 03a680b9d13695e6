"""How long what has ended is kept: nothing grows for ever, and nothing is forgotten that an answer still rests on.

Each kind of row has its lifetime. The order in which they go matters, for a row may be what makes another harmless:

    key      --- keys ------|
    hold     ...live...|--- holds ----------|     from its end, or from that of its late booking if that is later
    late     ...live...|--- holds + apart ------| a late booking, or the fence that is the no to it
    fence    |--- holds ----------|               from the moment at which the id is fenced
    slot     --- held_max + holds ----------|
    event    --- events ---------------|

A key goes before the hold that it stands for: a key whose hold is forgotten would be taken for one whose attempt never
began, and its request would be done a second time. A slot stays longer than a hold can be held: without it a holder
would have one hold more than allowed. While a late booking lives, its hold is kept, for it leads to the booking.

What lives has no end: a hold that is held, a booking, a cell. They go with their trip.

Why an ended hold may be forgotten at all: a copy of the batch that began it may still be under way, and its condition,
that there is no such row, is true again then. Two things stop it. A server drops a request that waited for longer than
REQUEST_S_MAX. And what it had begun to decide by then is older than the batch that ended the hold; in a partition
nothing is decided for an older proposal once a later one was. So a hold is kept for longer than a request may wait.
"""

from dataclasses import dataclass
from functools import cached_property

from travio_inventory.protocol.hold import base_id

REQUEST_S_MAX = 60
"""No server works on a request that has waited for so long."""
HOLDS_S_MIN = 3_600
"""The least time for which ended holds are kept."""
EVENTS_S_MIN = 14_400
"""The least time for which events are kept: late ones are looked for over three hours."""
TRIPS_S_MIN = 86_400
"""The least time for which a trip is kept after its end."""
APART_S = 120
"""So far apart servers' clocks, and rounds of a store that forgets at intervals, may put two ends of one moment:
`apart_s`.
"""


@dataclass(frozen=True)
class Retention:
    """How long things are kept, in seconds.

    `keys_s` counts from when a key is bound, `holds_s` from the end of a hold, `events_s` from the event. No hold is
    held for longer than `held_s_max`, extensions included. `trips_s` counts from a trip's last arrival, or from when it
    was last sold from if it has no times; what lives of a trip goes with it.
    """

    events_s: int = 7 * 86_400
    holds_s: int = 86_400
    keys_s: int = 86_400
    held_s_max: int = 86_400
    trips_s: int = 90 * 86_400
    apart_s: int = APART_S
    known_s: int = 600
    """A process writes an index entry again once it has known of it for so long."""

    @cached_property
    def ended_s(self) -> int:
        """For how long a row is kept of a hold that ended, or of an id that was fenced: longer than any key that stands
        for it.
        """
        return max(self.holds_s, self.keys_s) + self.apart_s

    def over_s(self, hold_id: str) -> int:
        """For how long the row of this id is kept once it ended or was fenced. A late id is known for longer than its
        hold: without it the hold, expired, would be booked late once more.
        """
        return self.ended_s + (self.apart_s if hold_id != base_id(hold_id) else 0)

    @cached_property
    def slots_s(self) -> int:
        """For how long a slot is kept from when it was taken."""
        return self.held_s_max + self.ended_s

    @cached_property
    def entries_s(self) -> int:
        """For how long an entry is kept of what is due, or was recorded, from when it was written. What it leads to may
        come a moment after it was last known to be there, and be due only when the longest hold runs out; from then on
        it leads there for as long as events are kept, whatever stood still meanwhile.
        """
        return self.known_s + REQUEST_S_MAX + self.held_s_max + self.events_s + self.apart_s

    @cached_property
    def told_s(self) -> int:
        """For how long it is noted that an event was published: longer than the event, which would be published again
        if it were found without the note.
        """
        return self.events_s + self.apart_s

    @cached_property
    def listed_s(self) -> int:
        """For how long a hold is listed from when it began; a booking is listed for as long as it lives."""
        return self.held_s_max + self.ended_s
