"""What a simulated run is made of, and the command that replays it."""

from dataclasses import asdict, dataclass, fields, replace

SKEW_S = 2.5
"""How far a process's clock is off at most: ten times the bound that the protocol is built for."""
TTL_S = 20
LAPSES_S = TTL_S + 2 * SKEW_S + 1
"""After so long a hold has run out by every clock."""
DURATION_S = 110.0
"""How long the holders are at work."""
LATEST_BATCH_S = 32.0
SEGMENTS = 3


@dataclass(frozen=True, slots=True)
class Plan:
    """`faults` is the share of batches that fail, `kills` the share of calls under which the process dies,
    `twins` the share of requests with a key that are made by two at once.
    """

    seed: int
    seats_per_block: int = 2
    seats: int = 6
    holders: int = 5
    faults: float = 0.12
    kills: float = 0.12
    twins: float = 0.25
    holds_max: int = 0
    with_gate: bool = False

    @property
    def sweepers(self) -> int:
        """How many processes sweep: none, one, or two at once."""
        return self.seed % 3

    @property
    def relays(self) -> int:
        """How many processes relay events: none or one."""
        return self.seed // 3 % 2

    def with_seed(self, seed: int) -> "Plan":
        """The same on another day."""
        return replace(self, seed=seed)

    def __str__(self) -> str:
        return f"Plan({', '.join(f'{name}={value!r}' for name, value in asdict(self).items())})"

    def command(self, broken: str = "") -> str:
        """What to type to see the run as a story."""
        words = ["python -m tests.simulation", str(self.seed)]
        for option in fields(self)[1:]:
            value = getattr(self, option.name)
            if value != option.default:
                name = "--" + option.name.replace("_", "-")
                words.append(name if value is True else f"{name} {value}")
        return " ".join([*words, *([f"--broken '{broken}'"] if broken else [])])
