"""What a round of a job over many places did."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

K = TypeVar("K")


@dataclass(slots=True)
class Visited(Generic[K]):
    """How many places the round visited, and the error of each that it could not finish. `over` are those that need no
    more visits, for jobs that come again until then.
    """

    count: int
    failures: dict[K, Exception] = field(default_factory=dict)
    over: int = 0
