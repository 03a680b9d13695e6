"""An event of another service as it comes in, and what makes it take effect."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias


@dataclass(frozen=True, slots=True)
class Incoming:
    """Something that happened elsewhere at `at_ms`, in Unix milliseconds. `source` and `id` name it: whatever has both
    is the same event. `type` says what `data` means; `organization` is what the envelope says, "" where it says none.
    """

    source: str
    id: str
    type: str
    at_ms: int
    organization: str
    data: Mapping[str, Any]


class Decisions(Protocol):
    """What was decided about one event: it stays, whoever works at the event again. It is what makes two attempts that
    see different things do the same.
    """

    @property
    def decision(self) -> str:
        """What was decided before, "" if nothing."""
        ...

    async def decide(self, decision: str, *, over: str = "") -> str:
        """Decide that, in place of `over`; returns what is decided then, which may be what another attempt decided.
        Raises BackendUnavailable, OutcomeUnknown.
        """
        ...


Reaction: TypeAlias = Callable[[Incoming, Decisions], Awaitable[str]]
"""Makes events of one type take effect; returns what came of it, in a word or two. It is called again until it has
returned once, perhaps by two processes at a time: doing it again changes nothing.

Raises RetryableRefusal if it may succeed later, any other Refusal if it never will as the event is.
"""

Reactions: TypeAlias = Mapping[str, Reaction]
"""By the type of event."""
