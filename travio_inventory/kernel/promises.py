"""A promise of a port as a case that anything behind the port can be held to, and what came of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

P = TypeVar("P")


class PromiseBroken(Exception):
    """The case went otherwise than promised; the message says how."""


class PromiseUnchecked(Exception):
    """The case could not be gone through, for something had no definite answer: that breaks no promise. The message
    says what it was.
    """


@dataclass(frozen=True, slots=True)
class Promise(Generic[P]):
    """A sentence, and what must go well for it to be true."""

    says: str
    hold_to: Callable[[P], Awaitable[None]]
    """Raises PromiseBroken, PromiseUnchecked."""


def expect(found: object, promised: object, what: str) -> None:
    """Raises PromiseBroken unless both are equal."""
    if found != promised:
        raise PromiseBroken(f"{what}: {found!r} instead of {promised!r}")
