"""Reads the many forms that one body has in turns, so that nobody waits for all of them."""

import asyncio
import gc
from collections.abc import Callable, Iterable
from typing import Final, TypeVar

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

from travio_inventory.kernel.answer_deadline import only_reading
from travio_inventory.kernel.checking import VIOLATIONS_MAX
from travio_inventory.kernel.garbage import leave_to_counting

F = TypeVar("F", bound=BaseModel)
V = TypeVar("V")

AT_ONCE: Final = 100
"""So many are read in a millisecond; then others have their turn."""


async def read_forms(form: type[F], said: Iterable[object], value_of: Callable[[F], V], *where: str) -> list[V]:
    """The value of each form of a list, which is at that place of the body. The body itself is read with
    SkipValidation for them. Raises RequestValidationError.
    """
    return await read_each(enumerate(said), lambda each: value_of(form.model_validate(each)), *where)


async def read_each(said: Iterable[tuple[str | int, object]], read: Callable[[object], V], *where: str) -> list[V]:
    """What `read` makes of each member, by name or number: something of texts and numbers alone. After AT_ONCE of them
    others have their turn. Raises RequestValidationError, which names as many faults as a refusal does.
    """
    values: list[V] = []
    faults: list[object] = []
    for count, (name, each) in enumerate(said, 1):
        try:
            values.append(read(each))
        except ValidationError as error:
            faults += [{**fault, "loc": ("body", *where, name, *fault["loc"])} for fault in error.errors()]
            if len(faults) >= VIOLATIONS_MAX:
                break
        if count % AT_ONCE == 0:
            leave_to_counting([each for each in values[-AT_ONCE:] if gc.is_tracked(each)])
            with only_reading:
                await asyncio.sleep(0)
    if faults:
        raise RequestValidationError(faults)
    return values
