"""What a face calls the fields that refusals name."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from travio_inventory.kernel.refusals import InvalidRequest

_WORD: Final = re.compile("[a-z_]+")


@contextmanager
def told_as(names: Mapping[str, str]) -> Iterator[None]:
    """Refusals of the block name their fields so: each part of a path by its name here, without those named ""."""
    try:
        yield
    except InvalidRequest as refusal:
        refusal.rename(lambda field: _WORD.sub(lambda word: names.get(word[0], word[0]), field).lstrip("."))
        raise
