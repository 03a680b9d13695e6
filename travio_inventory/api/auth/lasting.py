"""Answers that go on for long: no longer than their caller is known."""

import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TypeVar

from travio_inventory.api.auth.identity import Identity
from travio_inventory.kernel.refusals import Unauthenticated

T = TypeVar("T")


def is_known(caller: Identity) -> bool:
    """Whether the caller's token has not expired."""
    return not caller.expires_at_s or time.time() < caller.expires_at_s


def while_known(caller: Identity, answers: AsyncGenerator[T]) -> AsyncGenerator[T]:
    """The answers; raises Unauthenticated instead of the first one after the caller's token has expired."""
    return _until_unknown(caller, answers) if caller.expires_at_s else answers


async def _until_unknown(caller: Identity, answers: AsyncGenerator[T]) -> AsyncGenerator[T]:
    async with aclosing(answers):
        async for answer in answers:
            if not is_known(caller):
                raise Unauthenticated("invalid_token", "the token has expired")
            yield answer
