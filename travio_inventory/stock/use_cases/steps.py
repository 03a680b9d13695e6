"""Port: runs a step to its end, whether or not its caller waits for it."""

from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


class Steps(Protocol):
    """Runs steps that must not be interrupted."""

    async def run(self, step: Coroutine[Any, Any, T]) -> T:
        """The step's result; a step that has begun runs to its end. Raises Overloaded, OutcomeUnknown."""
        ...

    def in_background(self, work: Coroutine[Any, Any, None]) -> None:
        """Start work that nobody waits for. It handles its own errors."""
        ...
