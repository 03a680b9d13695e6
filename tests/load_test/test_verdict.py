"""The verdict says OK for a correct sale, and names every error that is planted in its store or its record."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from load_test import verdict
from load_test.record import RECORD_FILE, Attempt, Line, Opened, Outcome, RecordCutOff, Step, StepKind, read_record
from load_test.trips import HOT_SEAT, ORGANIZATION
from tests.load_test.finished_sale import COLD, HOT, NOBODYS_HOLD, Change, FinishedSale
from travio_inventory.app.service import open_inventory
from travio_inventory.kernel.actor import Actor
from travio_inventory.protocol.batches import Kind, Row, RowKey
from travio_inventory.protocol.rows import hold_key
from travio_inventory.seats.hold import claimant_of
from travio_inventory.seats.records.seat_rows import FREE
from travio_inventory.settings import load_settings


@pytest.fixture(scope="module")
def good_sale(tmp_path_factory: pytest.TempPathFactory) -> FinishedSale:
    """A correct sale."""
    return FinishedSale(tmp_path_factory.mktemp("sale"))


@pytest.fixture
def sale(good_sale: FinishedSale, tmp_path: Path) -> FinishedSale:
    """A copy of it, to be spoilt."""
    return good_sale.copied_to(tmp_path / "sale")


def findings(sale: FinishedSale) -> str:
    """Everything that the verdict finds wrong."""
    return "\n".join(verdict.judge_folder(sale.folder, sale.settings).wrong)


def cell(seat: str, segment: int) -> RowKey:
    return RowKey(Kind.CELL, seat, segment)


def altered(user: str, **otherwise: object) -> Callable[[Line], Line]:
    """Change what the user requested or was told."""

    def alter(line: Line) -> Line:
        is_theirs = isinstance(line, Attempt) and line.user == user
        return replace(line, **otherwise) if is_theirs else line  # type: ignore[arg-type]  # any field of an attempt

    return alter


def test_a_correct_sale_is_right(sale: FinishedSale, capsys: pytest.CaptureFixture[str]) -> None:
    assert findings(sale) == ""
    assert verdict.tell(sale.folder, sale.settings) == verdict.EXIT_OK
    said = capsys.readouterr().out
    assert "answers: 3 won, 1 contention, to 4 requests for seats" in said
    assert "trips: 2, rounds of a hot seat: 1, cells: 320, holds: 1 confirmed, 1 held, 1 released" in said
    assert "verdict: OK" in said


def test_a_half_held_booking_is_found(sale: FinishedSale, capsys: pytest.CaptureFixture[str]) -> None:
    sale.change(Change(2, cell("seat-J4", 2), FREE))
    assert findings(sale) == f"{sale.dan} is half held: it is confirmed but does not have seat-J4/2"
    assert verdict.tell(sale.folder, sale.settings) == verdict.EXIT_WRONG
    assert "verdict: WRONG - 1 finding\n" in capsys.readouterr().out


def test_two_winners_of_one_seat_are_found(sale: FinishedSale) -> None:
    """A second row with the same cells, and a user who was told of it."""
    claimant = claimant_of(Actor(ORGANIZATION, "bob"), "key-bob")
    second: Row = {
        "status": "held",
        "holder": "bob",
        "claimant": claimant,
        "seats": f"0 {HOT_SEAT}",
        "first_segment": 0,
        "last_segment": 3,
        "expires_at_ms": 2**50,
    }
    sale.change(Change(0, hold_key(NOBODYS_HOLD), second, HOT.key))
    sale.tell_otherwise(altered("bob", outcome=Outcome.DONE, hold=NOBODYS_HOLD))
    found = findings(sale)
    assert f"hot {HOT_SEAT}/0 has 2 owners" in found
    assert f"{NOBODYS_HOLD} is half held" in found
    assert f"hot {HOT_SEAT}: 2 won in the store" in found
    assert f"hot {HOT_SEAT}: 2 requests were answered: 2 won" in found


def test_a_win_that_was_acknowledged_and_is_not_there_is_found(sale: FinishedSale) -> None:
    sale.tell_otherwise(altered("bob", outcome=Outcome.DONE, hold=NOBODYS_HOLD))
    assert f"bob was told {NOBODYS_HOLD}, which is not in the store" in findings(sale)


def test_a_hold_of_a_refused_user_is_found(sale: FinishedSale) -> None:
    sale.tell_otherwise(altered("dan", outcome=Outcome.UNAVAILABLE, hold=""))
    assert findings(sale) == f"{sale.dan} is confirmed, but dan was told unavailable"


def test_a_hold_without_an_answer_is_right(sale: FinishedSale) -> None:
    sale.tell_otherwise(altered("dan", outcome=Outcome.NO_ANSWER, hold=""))
    assert findings(sale) == ""


def test_a_hold_that_nobody_requested_is_found(sale: FinishedSale) -> None:
    sale.tell_otherwise(lambda line: None if isinstance(line, Attempt) and line.user == "dan" else line)
    assert findings(sale) == f"{sale.dan} is confirmed, but nobody asked for it"


def test_a_cell_that_an_ended_hold_still_has_is_found(sale: FinishedSale) -> None:
    sale.change(Change(0, cell("seat-C1", 0), {"status": "held", "owner": sale.eve}))
    assert findings(sale) == f"cold seat-C1/0 is held by {sale.eve}, which is released and has seat-C1/0"


def test_a_cell_that_its_owner_does_not_list_is_found(sale: FinishedSale) -> None:
    sale.change(Change(0, cell("seat-C1", 3), {"status": "sold", "owner": sale.dan}))
    assert findings(sale).startswith(f"cold seat-C1/3 is sold by {sale.dan}, which is confirmed and has seat-B1/1")


def test_a_cell_of_an_owner_that_does_not_exist_is_found(sale: FinishedSale) -> None:
    sale.change(Change(0, cell("seat-C1", 3), {"status": "held", "owner": NOBODYS_HOLD}))
    assert findings(sale) == f"cold seat-C1/3 is held by {NOBODYS_HOLD}, which does not stand"


def test_a_seat_that_is_sold_to_a_mere_hold_is_found(sale: FinishedSale) -> None:
    sale.change(Change(0, cell(HOT_SEAT, 0), {"status": "sold"}, HOT.key))
    assert findings(sale) == f"hot {HOT_SEAT}/0 is sold to {sale.ann}, which is held"


def test_a_lost_booking_is_found(sale: FinishedSale) -> None:
    """The row of a confirmed hold says again that it is held."""
    sale.change(Change(0, hold_key(sale.dan), {"status": "held", "expires_at_ms": 2**50}))
    assert f"{sale.dan} is held, but dan was told confirm: done" in findings(sale)


def test_an_expiry_before_its_time_is_found(sale: FinishedSale) -> None:
    row = Change(0, hold_key(sale.ann), {"status": "expired"}, HOT.key)
    sale.change(row, *(Change(0, cell(HOT_SEAT, segment), FREE, HOT.key) for segment in range(4)))
    assert findings(sale) == f"{sale.ann} expired before its time"


def test_seats_that_were_not_requested_are_found(sale: FinishedSale) -> None:
    sale.tell_otherwise(altered("dan", seats=("seat-B1", "seat-J3")))
    assert findings(sale).startswith(f"dan was told {sale.dan}, which is of dan and has seat-B1/1 seat-B1/2 seat-J4/1")


def test_a_round_with_a_wrong_answer_to_a_loser_is_found(sale: FinishedSale) -> None:
    sale.tell_otherwise(altered("bob", outcome=Outcome.UNAVAILABLE))
    assert findings(sale) == f"hot {HOT_SEAT}: 2 requests were answered: 1 won, 1 unavailable"


def test_a_round_that_one_contender_is_missing_from_is_found(sale: FinishedSale) -> None:
    sale.lines[0] = Opened(ORGANIZATION, "hot", HOT_SEAT, contenders=3)
    sale.write()
    assert findings(sale) == f"hot {HOT_SEAT}: 3 requests were answered: 1 won, 1 contention"


def test_a_trip_that_the_store_has_lost_is_found(sale: FinishedSale) -> None:
    sale.lines.append(Opened(ORGANIZATION, "lost"))
    sale.write()
    assert findings(sale).startswith("trip lost is not in this store")


@pytest.mark.parametrize(
    ("steps", "possible"),
    [
        ([], {"Held", "Expired"}),
        ([(StepKind.CONFIRM, Outcome.NO_ANSWER)], {"Held", "Expired", "Confirmed"}),
        ([(StepKind.CONFIRM, Outcome.NO_ANSWER), (StepKind.CONFIRM, Outcome.DONE)], {"Confirmed"}),
        ([(StepKind.RELEASE, Outcome.DONE)], {"Released"}),
        ([(StepKind.CONFIRM, Outcome.ENDED)], {"Expired"}),
        ([(StepKind.RELEASE, Outcome.LIMIT)], {"Held", "Expired"}),
    ],
)
def test_what_a_hold_may_be_follows_from_what_was_told(
    steps: list[tuple[StepKind, Outcome]], possible: set[str]
) -> None:
    states = verdict.possible_states([Step("hold", kind, outcome) for kind, outcome in steps])
    assert {state.__name__ for state in states} == possible


def test_there_is_no_verdict_while_the_service_uses_the_store(
    sale: FinishedSale, capsys: pytest.CaptureFixture[str]
) -> None:
    async def in_use() -> int:
        async with open_inventory(sale.settings):
            return await asyncio.to_thread(verdict.tell, sale.folder, sale.settings)

    assert asyncio.run(in_use()) == verdict.EXIT_NOT_JUDGED
    assert f"not judged: data folder {sale.settings.store.data} is in use by process" in capsys.readouterr().out


def test_there_is_no_verdict_without_a_store(sale: FinishedSale, capsys: pytest.CaptureFixture[str]) -> None:
    nowhere = load_settings(store="embedded", data=sale.folder / "nowhere")
    assert verdict.tell(sale.folder, nowhere) == verdict.EXIT_NOT_JUDGED
    assert "there is no data folder" in capsys.readouterr().out
    assert not (sale.folder / "nowhere").exists()


def test_there_is_no_verdict_on_a_record_that_was_cut_off(sale: FinishedSale) -> None:
    path = sale.folder / RECORD_FILE
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))
    with pytest.raises(RecordCutOff):
        read_record(path)
    assert verdict.tell(sale.folder, sale.settings) == verdict.EXIT_NOT_JUDGED


def test_there_is_no_verdict_without_attempts(sale: FinishedSale) -> None:
    sale.tell_otherwise(lambda line: line if isinstance(line, Opened) else None)
    assert verdict.tell(sale.folder, sale.settings) == verdict.EXIT_NOT_JUDGED


def test_the_command_reads_the_store_that_the_environment_names(
    sale: FinishedSale, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TRAVIO_DATA", str(sale.settings.store.data))
    assert verdict.main([str(sale.folder)]) == verdict.EXIT_OK
    monkeypatch.setenv("TRAVIO_STORE", "no such")
    assert verdict.main([str(sale.folder)]) == verdict.EXIT_NOT_JUDGED
    assert "not judged: TRAVIO_STORE='no such'" in capsys.readouterr().out
    assert COLD.group_count == 3
