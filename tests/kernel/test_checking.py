"""The faults of a request are collected field by field and reported together."""

from collections.abc import Callable

import pytest

from travio_inventory.kernel.checking import VIOLATIONS_MAX, Faults
from travio_inventory.kernel.refusals import InvalidRequest, Violation

Check = Callable[[Faults], object]


class Kind(InvalidRequest):
    """One kind of wrong request."""


class OtherKind(InvalidRequest):
    """Another."""


def found_by(check: Check) -> list[tuple[str, str]]:
    """What a check finds wrong."""
    found = Faults()
    check(found)
    try:
        found.finish()
    except InvalidRequest as refusal:
        return list(refusal.violations)
    return []


@pytest.mark.parametrize(
    "check",
    [
        lambda found: found.id("f", "a"),
        lambda found: found.id("f", "é"),
        lambda found: found.id("f", "", required=False),
        lambda found: found.ids("f", []),
        lambda found: found.ids("f", ["a", "é"]),
        lambda found: found.text("f", ""),
        lambda found: found.text("f", " é\u202e "),
        lambda found: found.text("f", "x" * 128),
        lambda found: found.text("f", "é" * 2, 4, required=True),
        lambda found: found.number("f", 1, 1, 3),
        lambda found: found.number("f", 3, 1, 3),
        lambda found: found.count("f", "x", 1, 3),
        lambda found: found.count("f", "xxx", 1, 3),
    ],
)
def test_what_is_right_is_not_mentioned(check: Check) -> None:
    assert found_by(check) == []


@pytest.mark.parametrize(
    ("check", "expected"),
    [
        (lambda found: found.id("f", ""), [("f", "must not be empty")]),
        (lambda found: found.id("f", " "), [("f", "must not begin or end with white space")]),
        (lambda found: found.id("f", " ", required=False), [("f", "must not begin or end with white space")]),
        (
            lambda found: found.ids("f", ["a", "", "b", " "]),
            [("f[1]", "must not be empty"), ("f[3]", "must not begin or end with white space")],
        ),
        (lambda found: found.text("f", "", required=True), [("f", "must not be empty")]),
        (lambda found: found.text("f", "a\x00"), [("f", "must not have control characters")]),
        (lambda found: found.text("f", "a\x1f"), [("f", "must not have control characters")]),
        (lambda found: found.text("f", "\x7f"), [("f", "must not have control characters")]),
        (lambda found: found.text("f", "\x9fa"), [("f", "must not have control characters")]),
        (lambda found: found.text("f", "\ud800"), [("f", "must not have control characters")]),
        (lambda found: found.text("f", "b\udfff"), [("f", "must not have control characters")]),
        (lambda found: found.text("f", "x" * 129), [("f", "must have at most 128 bytes")]),
        (lambda found: found.text("f", "é" * 2, 3), [("f", "must have at most 3 bytes")]),
        (lambda found: found.number("f", 0, 1, 3), [("f", "must be 1 to 3, not 0")]),
        (lambda found: found.number("f", 4, 1, 3), [("f", "must be 1 to 3, not 4")]),
        (lambda found: found.count("f", "", 1, 3), [("f", "must have 1 to 3 items, not 0")]),
        (lambda found: found.count("f", "xxxx", 1, 3), [("f", "must have 1 to 3 items, not 4")]),
        (lambda found: found.at("a.").at("b.").wrong("f", "is wrong"), [("a.b.f", "is wrong")]),
        (lambda found: (found.wrong("f", "1"), found.at("a.").wrong("f", "2")), [("f", "1"), ("a.f", "2")]),
    ],
)
def test_what_is_wrong_is_named(check: Check, expected: list[tuple[str, str]]) -> None:
    assert found_by(check) == expected


def test_items_are_checked_one_by_one_unless_there_are_too_many() -> None:
    found = Faults()
    assert [found.count("f", "x" * number, 1, 2) for number in range(4)] == [True, True, True, False]


def test_a_limited_number_of_faults_is_named() -> None:
    expected = [(f"f[{number}]", "must not be empty") for number in range(VIOLATIONS_MAX)]
    assert found_by(lambda found: found.ids("f", [""] * (VIOLATIONS_MAX + 1))) == expected
    assert VIOLATIONS_MAX == 32


@pytest.mark.parametrize(
    ("kinds", "raised"),
    [
        ([Kind], Kind),
        ([Kind, Kind], Kind),
        ([Kind, OtherKind], InvalidRequest),
        ([InvalidRequest, Kind], InvalidRequest),
    ],
)
def test_the_refusal_has_the_kind_of_its_faults_if_they_have_only_one(
    kinds: list[type[InvalidRequest]], raised: type[InvalidRequest]
) -> None:
    found = Faults()
    for kind in kinds:
        found.wrong("f", "is wrong", kind)
    with pytest.raises(InvalidRequest) as refused:
        found.finish()
    assert type(refused.value) is raised


def test_the_kind_of_a_wrong_number_of_items_may_be_said() -> None:
    found = Faults()
    found.count("f", "", 1, 2, Kind)
    with pytest.raises(Kind):
        found.finish()


def test_what_is_wrong_with_a_value_in_the_block_is_kept() -> None:
    found = Faults("a.")
    with found as same:
        assert same is found
        raise Kind([Violation("f", "is wrong"), Violation("g", "too")])
    with pytest.raises(Kind) as refused:
        found.finish()
    assert refused.value.violations == (("a.f", "is wrong"), ("a.g", "too"))


def test_any_other_error_in_the_block_is_passed_on() -> None:
    with pytest.raises(ZeroDivisionError), Faults():
        raise ZeroDivisionError
