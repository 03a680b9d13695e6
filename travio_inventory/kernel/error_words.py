"""What an error says, for a log line or a person: never nothing, and of a wait that was too long how long it was."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


def error_in_words(error: BaseException) -> str:
    """Its type and its text; of an error without a text its type alone."""
    text, name = str(error), type(error).__name__
    return f"{name}: {text}" if text else name


@asynccontextmanager
async def answered_within(seconds: float) -> AsyncIterator[None]:
    """As asyncio.timeout. Raises TimeoutError, which says the seconds."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except TimeoutError:
        if limit.expired():
            raise TimeoutError(f"no answer within {seconds:g} s") from None
        raise
