"""Lists in pages."""

from collections.abc import Callable
from typing import TypeVar

from travio_inventory.api.page_tokens import after
from travio_inventory.kernel.checking import Faults

T = TypeVar("T")


def paged(token: str, query: Callable[[str], T]) -> T:
    """The query, made with the position after which the page of that token begins. Raises InvalidRequest."""
    found = Faults()
    position = after(found, token)
    with found:
        made = query(position)
    found.finish()
    return made
