"""Answers that go on for long: no longer than their caller is known."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Final, Generic, TypeVar, cast

from travio_inventory.api.auth.identity import Identity
from travio_inventory.kernel.refusals import Unauthenticated

T = TypeVar("T")
_END: Final = object()


def is_known(caller: Identity) -> bool:
    """Whether the caller's token has not expired."""
    return not caller.expires_at_s or time.time() < caller.expires_at_s


def seconds_known(caller: Identity) -> float | None:
    """How long the caller's token lasts yet; None: it does not expire."""
    return max(0.0, caller.expires_at_s - time.time()) if caller.expires_at_s else None


class ToldAtOnce(Generic[T]):
    """Tells a caller, for as long as it is known, and only where nothing has to wait. Of thousands none is in the
    processor's cache: it has what it needs.
    """

    __slots__ = ("_expires_at_s", "_write", "_write_now", "caller")

    def __init__(self, caller: Identity, write: Callable[[T], object], write_now: Callable[[Any], bool]) -> None:
        self._write = write
        self._write_now = write_now
        self.know(caller)

    def know(self, caller: Identity) -> None:
        """It is that caller, for as long as this token lasts."""
        self.caller = caller
        self._expires_at_s = caller.expires_at_s

    def __call__(self, told: T) -> bool:
        """Whether it is told."""
        if self._expires_at_s and not is_known(self.caller):
            return False
        return self._write_now(self._write(told))


def unknown() -> Unauthenticated:
    """What is told when the token has expired."""
    return Unauthenticated("invalid_token", "the token has expired")


def while_known(caller: Identity, answers: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The answers; raises Unauthenticated as soon as the caller's token has expired."""
    return _until_unknown(caller, answers) if caller.expires_at_s else answers


async def _until_unknown(caller: Identity, answers: AsyncGenerator[T]) -> AsyncGenerator[T]:
    async with aclosing(answers):
        while True:
            try:
                async with asyncio.timeout(seconds_known(caller)) as known:
                    answer = await anext(answers, _END)
            except TimeoutError:
                if known.expired():
                    raise unknown() from None
                raise
            if answer is _END:
                return
            if not is_known(caller):
                raise unknown()
            yield cast(T, answer)


async def while_still_known(caller: Callable[[], Identity], answers: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The answers, to one whose token may be renewed; raises Unauthenticated instead of the first one after it has
    expired.
    """
    async with aclosing(answers):
        async for answer in answers:
            if not is_known(caller()):
                raise unknown()
            yield answer
