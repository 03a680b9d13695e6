"""The cost of a service's end is counted correctly, and delays are reported."""

import pytest

from verification.chaos.crowds import CROWD
from verification.chaos.deployment import Fall
from verification.chaos.falls import Felled, measure, settle, unsettled
from verification.chaos.nemesis import Planned, Struck
from verification.chaos.notebook import Book, Notebook
from verification.chaos.timeliness import Lateness, share, too_late
from verification.kit.trips import trip_of
from verification.simulation.history import Call, CallOutcome

FALL = Fall("one", "SIGKILL", 10.0)


@pytest.fixture
def notebook() -> Notebook:
    """An empty notebook."""
    notebook = Notebook()
    notebook.open(trip_of("t", seats=1))
    return notebook


@pytest.fixture
def book(notebook: Notebook) -> Book:
    """That notebook."""
    return notebook.books[0]


def test_calls_in_flight_are_those_that_had_no_answer_from_that_service_at_that_moment(
    notebook: Notebook, book: Book
) -> None:
    lost, answered = _call(book, 9.9, "one"), _call(book, 9.9, "one", returned_s=10.1)
    elsewhere, before, after = (
        _call(book, 9.9, "two"),
        _call(book, 9.0, "one", returned_s=9.9),
        _call(book, 10.1, "one"),
    )
    given_up = _call(book, 5.0, "one")
    notebook.gave_up_s = {lost.number: 10.0, elsewhere.number: 11.0, after.number: 11.0, given_up.number: 9.0}
    (felled,) = measure([FALL], notebook, [])
    assert felled.in_flight == [lost, answered]
    assert before not in felled.in_flight


def test_the_next_answer_is_an_ok_of_another_service_to_a_call_made_afterwards(notebook: Notebook, book: Book) -> None:
    _call(book, 9.9, "two", returned_s=10.1)
    _call(book, 10.0, "one", returned_s=10.2)
    _call(book, 10.1, "two", returned_s=10.3, answer=CallOutcome.AGAIN)
    _call(book, 10.1, "two", returned_s=10.5)
    (felled,) = measure([FALL], notebook, [])
    assert felled.next_answer_s == 0.5


def test_a_call_in_flight_is_settled_by_the_next_call_for_the_same(notebook: Notebook, book: Book) -> None:
    lost, by_crowd = _call(book, 9.9, "one"), _call(book, 9.9, "one", holder=f"{CROWD}0-1-1")
    notebook.gave_up_s = {lost.number: 10.0, by_crowd.number: 10.0}
    felled = measure([FALL], notebook, [])
    assert [one.how for one in settle(felled, notebook)] == ["never"]
    assert len([*unsettled(felled, notebook)]) == 1
    _call(book, 10.5, "two", returned_s=11.0, answer=CallOutcome.AGAIN)
    _call(book, 10.5, "two", returned_s=11.0, subject="another key")
    assert len([*unsettled(felled, notebook)]) == 1
    _call(book, 11.0, "two", returned_s=12.0)
    (settled,) = settle(felled, notebook)
    assert (settled.call, settled.how, settled.to_what, settled.after_s) == (lost, "asked again", "OK", 2.0)
    assert [*unsettled(felled, notebook)] == []


@pytest.mark.parametrize(
    ("fault", "from_s", "to_s", "is_broken"),
    [
        ("redis-kill", 9.0, 12.0, False),
        ("redis-kill", 1.0, 6.0, False),
        ("redis-kill", 1.0, 4.0, True),
        ("redis-kill", 12.0, 14.0, True),
        ("service-stop", 1.0, 9.0, True),
    ],
)
def test_a_late_answer_breaks_the_promise_if_no_other_fault_had_effects(
    notebook: Notebook, book: Book, fault: str, from_s: float, to_s: float, is_broken: bool
) -> None:
    _call(book, 10.1, "two", returned_s=11.5)
    struck = Struck(Planned("backend", 0.0, 1.0, fault, 0), from_s, to_s)
    assert bool(too_late(Lateness(), measure([FALL], notebook, [struck]))) is is_broken


def test_at_most_the_two_worst_are_reported() -> None:
    felled = [Felled(FALL, [], after_s, []) for after_s in (1.1, 0.2, 9.9, 2.2)]
    said = too_late(Lateness(), felled)
    assert len(said) == 2
    assert "9.90 s" in said[0]
    assert "2.20 s" in said[1]


def test_late_expiries_break_the_promise_in_quiet_times_only() -> None:
    assert too_late(Lateness(quiet_s=[0.4] * 200), []) == []
    assert too_late(Lateness(quiet_s=[0.4] * 200, disturbed_s=[9.0] * 200), []) == []
    assert len(too_late(Lateness(quiet_s=[*[0.4] * 200, 5.1]), [])) == 1
    assert len(too_late(Lateness(quiet_s=[*[0.4] * 100, *[1.1] * 10]), [])) == 1
    assert too_late(Lateness(quiet_s=[*[0.4] * 9, 1.1]), []) == []


def test_a_share_is_one_of_the_values() -> None:
    values = [float(n) for n in range(200)]
    assert [share(values, percent) for percent in (0, 50, 99, 100)] == [0.0, 100.0, 198.0, 199.0]


def _call(
    book: Book,
    at_s: float,
    service: str,
    *,
    returned_s: float | None = None,
    answer: CallOutcome = CallOutcome.OK,
    subject: str = "key",
    holder: str = "c1",
) -> Call:
    """A hold that was requested then; unanswered unless a time is given."""
    call = Call(len(book.calls), "hold", subject, at_s, holder=holder, process=service)
    if returned_s is not None:
        call.answer, call.returned_s = answer, returned_s
    book.calls.append(call)
    return call
