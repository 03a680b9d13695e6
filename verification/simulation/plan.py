"""What a simulated run is made of, and the command that replays it."""

from dataclasses import asdict, dataclass, fields, replace
from random import Random

from travio_inventory.protocol.retention import Retention
from travio_inventory.seats.opening import Portions

SKEW_S = 2.5
"""How far a process's clock is off at most: ten times the bound that the protocol is built for."""
TTL_S = 20
LAPSES_S = TTL_S + 2 * SKEW_S + 1
"""After this time a hold has expired by every clock."""
LATE_S = 30.0
VERY_LATE_S = 300.0
"""Later than any visit of a minute; then only the slow round finds what is left."""
PAUSE_S_MAX = 600.0
"""The longest time for which a process stands still: longer than every bound."""
SLOW_ROUND_S = 300.0
SEGMENTS = 3
SPOILS = 0.2
"""How many of the drawn days spoil something for a while."""
SWAPS = 0.3
"""How many of the drawn days with a gate swap the vehicle."""
CANCELS = 0.25
"""How many of the other drawn days with a gate cancel the trip before they are over."""
HELD_S_MAX = 3 * TTL_S
"""For how long a hold is held at most, extensions included, on a day that reaches the end of what is kept."""
QUEUED_S = 30.0
"""For how long a request may wait on such a day; less than what has ended is kept for."""
APART_S = 10
ENDS_APART_S = 4.0
"""How much sooner or later than asked a row is forgotten on such a day."""


LARGE = Portions(seats_at_once_max=3, seats_per_part_max=2, groups_max=1)
"""Every trip of a day is large."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`faults` is the share of batches that fail, `kills` the share of calls under which the process dies, `twins` the
    share of requests with a key that are made by two at once. Holders want the last `popular` seats. `waiters` join and
    leave waiting lists, `leaves` is the share of calls whose caller hangs up. With the gate on, holds go through it; an
    honest edge never forgets, loses or lies. A late batch is up to `late_s` late, and a process stands still `pauses`
    times. Right clocks all show the same, so answers about a moment can be judged exactly. Besides the sink of events
    there may be a second one, `far_sink`: slow, failing, or absent all day. What has ended is kept for `holds_s`, keys
    and events for `keys_s` and `events_s`; with 0 the day is over long before anything is forgotten. `changes` is the
    share of holds and of bookings some of whose seats are given back. With `in_company` batches of a partition that
    arrive while one is under way go together. With `freezes` the house freezes the trip now and then, with `swaps` it
    gives it another vehicle, and if it `cancels`, the trip ends before the day does. A large trip has
    its seats in rows of their own, and is opened by jobs. If it `spoils`, the first sink refuses single events until
    the night, and now and then a minute and an epoch cannot be listed for a while. `twin_moves` is the share of moves
    that are asked for twice, the second time by another call a moment later. If it `shares_relays`, several processes
    relay: each publishes its own steps at once, and they lease slices of the index.
    """

    seed: int
    seats_per_group: int = 2
    seats: int = 6
    popular: int = 6
    holders: int = 5
    viewers: int = 1
    day_s: float = 110.0
    faults: float = 0.12
    kills: float = 0.12
    twins: float = 0.25
    holds_max: int = 0
    waiters: int = 0
    leaves: float = 0.03
    with_gate: bool = False
    honest_edge: bool = False
    still_clocks: bool = False
    late_s: float = LATE_S
    pauses: int = 0
    right_clocks: bool = False
    far_sink: str = ""
    holds_s: int = 0
    keys_s: int = 0
    events_s: int = 0
    changes: float = 0.0
    in_company: bool = False
    freezes: bool = False
    swaps: bool = False
    cancels: bool = False
    is_large: bool = False
    spoils: bool = False
    twin_moves: float = 0.0
    shares_relays: bool = False

    @classmethod
    def drawn(cls, seed: int) -> "Plan":
        """A plan all of whose parts are drawn by the seed: seat groups of one seat, of two, of 16 and of all."""
        random = Random(seed * 7_919)
        seats_per_group, seats, popular = random.choice(((1, 4, 4), (1, 6, 6), (2, 6, 6), (16, 18, 5), (6, 6, 6)))
        drawn = cls(
            seed,
            seats_per_group,
            seats,
            popular,
            holders=random.choice((3, 5, 5, 7)),
            viewers=random.choice((0, 1, 3)),
            day_s=random.choice((60.0, 110.0)),
            faults=random.choice((0.0, 0.12, 0.12, 0.3, 0.5)),
            kills=random.choice((0.0, 0.12, 0.12, 0.3)),
            twins=random.choice((0.1, 0.25, 1.0)),
            holds_max=random.choice((0, 0, 1, 2)),
            with_gate=random.random() < 0.5,
            honest_edge=random.random() < 0.3,
            still_clocks=random.random() < 0.3,
            waiters=random.choice((0, 0, 2, 4)),
            late_s=random.choice((LATE_S, LATE_S, VERY_LATE_S)),
            pauses=random.choice((0, 0, 1, 3)),
            right_clocks=random.random() < 0.2,
            far_sink=random.choice(("", "", "slow", "failing", "absent", "refusing")),
            changes=random.choice((0.0, 0.3, 0.6)),
            in_company=random.random() < 0.5,
            is_large=seed % 5 == 4,
            shares_relays=seed // 3 % 4 > 1,
        )
        drawn = replace(drawn, freezes=drawn.with_gate and random.random() < 0.4, spoils=random.random() < SPOILS)
        may_swap = drawn.with_gate and not (drawn.is_large or drawn.freezes)
        drawn = replace(drawn, swaps=may_swap and Random(seed * 7_901).random() < SWAPS)
        may_cancel = drawn.with_gate and not (drawn.swaps or drawn.freezes)
        drawn = replace(drawn, cancels=may_cancel and Random(seed * 7_879).random() < CANCELS)
        return replace(drawn, twin_moves=Random(seed * 7_877).choice((0.0, 0.5, 1.0)) if drawn.changes else 0.0)

    @classmethod
    def forgetful(cls, seed: int) -> "Plan":
        """A drawn plan of a day on which everything that ends is forgotten, and met again; a late batch may be late by
        the whole day.
        """
        random = Random(seed * 7_907)
        drawn, day_s = cls.drawn(seed), random.choice((450.0, 900.0))
        return replace(
            drawn,
            holders=random.choice((2, 3)),
            viewers=0,
            day_s=day_s,
            faults=random.choice((0.12, 0.3)),
            kills=random.choice((0.0, 0.12)),
            waiters=random.choice((0, 2)),
            late_s=day_s,
            far_sink=random.choice(("", "slow", "failing")),
            holds_s=random.choice((120, 180)),
            keys_s=random.choice((60, 120, 180)),
            events_s=3_900,
            is_large=False,
            freezes=False,
            swaps=False,
            cancels=False,
        )

    @property
    def forgets(self) -> bool:
        """Whether the day reaches the end of what is kept."""
        return self.holds_s > 0

    @property
    def retention(self) -> Retention:
        """How long what has ended is kept."""
        if not self.forgets:
            return Retention()
        return Retention(self.events_s, self.holds_s, self.keys_s, held_s_max=HELD_S_MAX, apart_s=APART_S)

    @property
    def portions(self) -> Portions:
        """How the trip is opened."""
        return LARGE if self.is_large else Portions()

    @property
    def is_very_late(self) -> bool:
        """Whether a batch may land when everything that its index entries named is closed."""
        return self.late_s > LATE_S

    @property
    def skew_s(self) -> float:
        """How far a clock may be off."""
        return 0.0 if self.right_clocks else SKEW_S

    @property
    def sweepers(self) -> int:
        """How many processes sweep: none, one, or two at once; one at least where what nobody ended is forgotten."""
        return max(self.seed % 3, int(self.forgets))

    @property
    def relays(self) -> int:
        """How many processes relay events: none, to begin with the night, or one, or two or three that share the work;
        at least one where events are forgotten.
        """
        turn = self.seed // 3 % 4
        return max(turn, 2) if self.shares_relays else max(turn % 2, int(self.forgets))

    def with_seed(self, seed: int) -> "Plan":
        """The same on another day."""
        return replace(self, seed=seed)

    def __str__(self) -> str:
        return f"Plan({', '.join(f'{name}={value!r}' for name, value in asdict(self).items())})"

    def command(self, broken: str = "") -> str:
        """What to type to see the run as a story."""
        words = ["python -m verification.simulation", str(self.seed)]
        drawn = Plan.forgetful(self.seed) if self.forgets else Plan.drawn(self.seed)
        if self.forgets and self == drawn:
            words.append("--forgetful")
        if broken or self != drawn:
            words.append("--plain")
            drawn = Plan(self.seed)
        for option in fields(self)[1:]:
            value = getattr(self, option.name)
            if value != getattr(drawn, option.name):
                name = "--" + option.name.replace("_", "-")
                words.append(name if value is True else f"{name} {value}")
        return " ".join([*words, *([f"--broken '{broken}'"] if broken else [])])
