"""Values that every call makes are made without a call for each field, and are what frozen dataclasses are."""

from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from travio_inventory.kernel.quick import quick


@dataclass(frozen=True, slots=True)
class Named:
    """A value with a base, defaults, what is not compared, and a check of its own."""

    name: str


@dataclass(frozen=True, slots=True)
class Guarded(Named):
    """As it is without being quick."""

    parts: tuple[str, ...] = ()
    note: str = field(default="", compare=False, repr=False)
    tags: list[str] = field(default_factory=list, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("must not be empty")


@quick
@dataclass(frozen=True, slots=True)
class Quick(Named):
    """The same, made quickly."""

    parts: tuple[str, ...] = ()
    note: str = field(default="", compare=False, repr=False)
    tags: list[str] = field(default_factory=list, compare=False, kw_only=True)

    def __post_init__(self) -> None:
        if not self.name:
            raise ValueError("must not be empty")


@quick
@dataclass(frozen=True)
class Plain:
    """It has no check of its own."""

    name: str


def test_a_value_without_a_check_is_made_too() -> None:
    made = Plain("a")
    assert made == replace(made)
    del made.name
    assert not vars(made), "no guard is left"


def test_no_field_is_set_by_a_call() -> None:
    assert "__setattr__" in Guarded.__init__.__code__.co_names
    assert "__setattr__" not in Quick.__init__.__code__.co_names


def test_all_else_is_as_it_was() -> None:
    made = Quick("a", ("b",), "c", tags=["d"])
    assert (made.name, made.parts, made.note, made.tags) == ("a", ("b",), "c", ["d"])
    assert (Quick("a").parts, Quick("a").tags) == ((), [])
    assert Quick("a").tags is not Quick("a").tags
    assert made == Quick("a", ("b",), "other")
    assert made != replace(made, name="z")
    assert hash(made) == hash(Guarded("a", ("b",)))
    assert repr(made) == repr(Guarded("a", ("b",), tags=["d"])).replace("Guarded", "Quick")
    with pytest.raises(ValueError, match="must not be empty"):
        Quick("")
    with pytest.raises(TypeError, match="positional"):
        Quick("a", (), "", [])  # type: ignore[call-arg]


def test_only_what_is_not_quick_guards_itself_when_it_runs() -> None:
    with pytest.raises(FrozenInstanceError):
        Guarded("a").name = "b"  # type: ignore[misc]
    Quick("a").name = "b"  # type: ignore[misc]  # the guard that is left
