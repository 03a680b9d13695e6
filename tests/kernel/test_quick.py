"""Values that every call makes are made without a call for each field, and are what frozen dataclasses are."""

from dataclasses import FrozenInstanceError, dataclass, field, replace
from inspect import signature

import pytest

from travio_inventory.kernel.quick import once, quick


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


@pytest.fixture
def kind() -> type[Guarded]:
    """The same, made quickly."""

    @quick
    @dataclass(frozen=True, slots=True)
    class Quick(Guarded):
        """Nothing is added."""

    return Quick


def test_a_value_without_a_check_is_made_too() -> None:
    @quick
    @dataclass(frozen=True)
    class Plain:
        name: str

    made = Plain("a")
    assert made == replace(made)
    del made.name
    assert not vars(made), "no guard is left"


def test_no_field_is_set_by_a_call(kind: type[Guarded]) -> None:
    assert "__setattr__" in Guarded.__init__.__code__.co_names
    assert "__setattr__" not in kind.__init__.__code__.co_names


def test_all_else_is_as_it_was(kind: type[Guarded]) -> None:
    made = kind("a", ("b",), "c", tags=["d"])
    assert (made.name, made.parts, made.note, made.tags) == ("a", ("b",), "c", ["d"])
    assert (kind("a").parts, kind("a").tags) == ((), [])
    assert kind("a").tags is not kind("a").tags
    assert made == kind("a", ("b",), "other")
    assert made != replace(made, name="z")
    assert hash(made) == hash(Guarded("a", ("b",)))
    assert repr(made).endswith(repr(Guarded("a", ("b",), tags=["d"])).removeprefix("Guarded"))
    assert signature(kind) == signature(Guarded)
    with pytest.raises(ValueError, match="must not be empty"):
        kind("")
    with pytest.raises(TypeError, match="positional"):
        kind("a", (), "", [])  # type: ignore[call-arg]


def test_only_what_is_not_quick_guards_itself_when_it_runs(kind: type[Guarded]) -> None:
    with pytest.raises(FrozenInstanceError):
        Guarded("a").name = "b"  # type: ignore[misc]
    kind("a").name = "b"  # type: ignore[misc]  # the guard that is left


def test_what_is_worked_out_once_is_known_from_then_on() -> None:
    class Trip:
        def __init__(self) -> None:
            self.worked_out = 0

        @once
        def seats(self) -> int:
            """How many."""
            self.worked_out += 1
            return 40

    trip = Trip()
    assert (trip.seats, trip.seats, trip.worked_out) == (40, 40, 1)
    assert vars(trip) == {"worked_out": 1, "seats": 40}
    assert Trip.seats.__doc__ == "How many."
    assert Trip().seats == 40, "of another one it is worked out anew"
