"""Answers that go on for long: no longer than their caller is known."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from travio_inventory.api.auth.identity import Identity
from travio_inventory.kernel.refusals import Unauthenticated

T = TypeVar("T")


def while_known(caller: Identity, answers: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The answers; raises Unauthenticated instead of the first one after the caller's token has expired."""
    return _until(caller.expires_at_s, answers) if caller.expires_at_s else answers


async def _until(expires_at_s: int, answers: AsyncGenerator[T]) -> AsyncGenerator[T]:
    async with aclosing(answers):
        async for answer in answers:
            if time.time() >= expires_at_s:
                raise Unauthenticated("invalid_token", "the token has expired")
            yield answer
