"""The deadline of an answer: where it passes while a request is only read, nothing was begun, and that is told."""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Final, ParamSpec, Self, TypeVar

from travio_inventory.kernel.off_loop import off_loop
from travio_inventory.kernel.refusals import BackendUnavailable, OutcomeUnknown

P = ParamSpec("P")
R = TypeVar("R")


class AnswerDeadline(AbstractAsyncContextManager["AnswerDeadline"]):
    """Ends what answers a request when its time is over. Raises OutcomeUnknown in place of TimeoutError, or
    BackendUnavailable where nothing was begun: for a request that only reads, that was itself only being read, or whose
    first step waited for its turn.
    """

    def __init__(self, seconds: float, *, is_safe: bool) -> None:
        self.nothing_begun = is_safe
        self.a_step_has_begun = False
        self._timeout = asyncio.timeout(seconds)
        self._task = asyncio.current_task()
        self._token: Token[AnswerDeadline | None] | None = None

    async def __aenter__(self) -> Self:
        self._token = _deadline.set(self)
        await self._timeout.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            _deadline.reset(self._token)
        try:
            await self._timeout.__aexit__(kind, error, traceback)
        except TimeoutError:
            self._raise_late()
        if isinstance(error, TimeoutError):
            self._raise_late()

    def is_mine(self) -> bool:
        """Whether this task answers; another one that it started may be cut off without it."""
        return self._task is asyncio.current_task()

    def _raise_late(self) -> None:
        if self.nothing_begun:
            raise BackendUnavailable("there was no answer in time") from None
        raise OutcomeUnknown from None


_deadline: Final[ContextVar[AnswerDeadline | None]] = ContextVar("answer_deadline", default=None)


class _OnlyReading:
    """In the block a request is read, its caller told apart, or its next step waited for: nothing that it asks for has
    begun, unless an earlier step has.
    """

    __slots__ = ()

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if (
            isinstance(error, asyncio.CancelledError)
            and (deadline := _deadline.get()) is not None
            and deadline.is_mine()
            and not deadline.a_step_has_begun
        ):
            deadline.nothing_begun = True


only_reading: Final = _OnlyReading()
"""See its class. One for all blocks, since a generator for each would cost a hold more than what it guards."""


def a_step_begins() -> None:
    """From now on something may be done of what the request asks for."""
    if (deadline := _deadline.get()) is not None:
        deadline.a_step_has_begun = True


async def read_off_loop(much: int, work: Callable[P, R], *args: P.args, **named: P.kwargs) -> R:
    """`off_loop` for the reading of a request."""
    with only_reading:
        return await off_loop(much, work, *args, **named)
