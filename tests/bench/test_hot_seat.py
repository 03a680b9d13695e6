"""The hot-seat bench trusts no answer: the store must confirm that exactly one caller won."""

import pytest
from anyio.from_thread import BlockingPortal
from grpclib import Status

from tests.bench.lying_inventory import LyingInventory, served
from tests.typed import Type

WORKERS = "20"


def hot_seat(
    typed: Type, portal: BlockingPortal, inventory: LyingInventory, *, rounds: str = "1"
) -> tuple[int, list[str], dict[str, int]]:
    """Run the bench against the server: exit status, what it found wrong, what it counted."""
    with portal.wrap_async_context_manager(served(inventory)) as target:
        answer = typed("bench", "hot-seat", "--workers", WORKERS, "--rounds", rounds, "--target", target, "--json")
    return answer.status, answer.plain["wrong"], answer.plain["results"]["counts"]


def test_one_winner_in_each_round_is_right(typed: Type, portal: BlockingPortal) -> None:
    status, wrong, counts = hot_seat(typed, portal, LyingInventory(), rounds="3")
    assert (status, wrong) == (0, [])
    assert counts == {
        "won": 3, "contention at the gate": 57, "contention in the store": 0, "unavailable": 0, "error": 0,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("inventory", "said"),
    [
        (LyingInventory(winners=2, known=2), "2 won instead of 1"),
        pytest.param(LyingInventory(winners=2, known=1), "2 won instead of 1", marks=pytest.mark.once),
        pytest.param(LyingInventory(winners=0, known=0), "0 won instead of 1", marks=pytest.mark.once),
        (LyingInventory(winners=1, known=0), "the store does not know the hold"),
        (LyingInventory(winners=1, known=1, secret=1), "the store says that the seat is held by"),
        (LyingInventory(shown_free=True), "the seat map does not show the seat as held"),
    ],
    ids=["two", "two-answers-one-owner", "none", "lost", "secret-owner", "shown-free"],
)
def test_anything_else_is_wrong_and_sets_the_exit_status(
    typed: Type, portal: BlockingPortal, inventory: LyingInventory, said: str
) -> None:
    status, wrong, _ = hot_seat(typed, portal, inventory)
    assert status == 1
    assert any(said in line for line in wrong), wrong


RETRY = "seat query contention - please retry: x"


@pytest.mark.parametrize(
    ("refused_as", "decided_by", "counted_as"),
    [
        ((Status.ABORTED, "SEAT_CONTENDED", RETRY), "edge", "contention at the gate"),
        ((Status.ABORTED, "SEAT_CONTENDED", RETRY), "store", "contention in the store"),
        ((Status.FAILED_PRECONDITION, "SEAT_HELD", RETRY), "edge", "contention at the gate"),
        ((Status.FAILED_PRECONDITION, "SEAT_HELD", RETRY), "store", "contention in the store"),
        ((Status.FAILED_PRECONDITION, "SEAT_UNAVAILABLE", "x not available"), "edge", "unavailable"),
        ((Status.FAILED_PRECONDITION, "SEAT_HELD", "x is held"), "store", "error"),
        *(
            pytest.param(refused_as, "store", "error", marks=pytest.mark.once)
            for refused_as in (
                (Status.ABORTED, "SEAT_HELD", RETRY),
                (Status.ABORTED, "ELSE", RETRY),
                (Status.UNAVAILABLE, "OUTCOME_UNKNOWN", "the outcome is unknown"),
            )
        ),
    ],
)
@pytest.mark.once
def test_losers_are_counted_by_what_refused_them(
    typed: Type, portal: BlockingPortal, refused_as: tuple[Status, str, str], decided_by: str, counted_as: str
) -> None:
    inventory = LyingInventory(refused_as=refused_as, decided_by=decided_by)
    _, _, counts = hot_seat(typed, portal, inventory)
    assert {name: count for name, count in counts.items() if count} == {"won": 1, counted_as: 19}
