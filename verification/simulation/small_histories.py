"""Small histories from a seed: possible ones, and ones that were tampered with."""

from collections.abc import Iterator
from copy import deepcopy
from dataclasses import replace
from math import inf
from random import Random

from travio_inventory.seats.hold import late_id
from travio_inventory.seats.ports import Cell
from verification.simulation.exhaustive import Seats, agrees, effects
from verification.simulation.history import Call, CallOutcome, FoundHold, History

CELLS = (Cell("a", 0), Cell("a", 1), Cell("b", 0))
WISHES = (CELLS[:1], CELLS[1:2], CELLS[:2], CELLS[1:], CELLS[2:])
HOLDERS = ("u", "v")
STEP_S = 10.0
SPREAD_S = 28.0
"""How long before and after the moment that counts a call may begin and end."""
STATUSES = ("held", "confirmed", "released", "expired", "cancelled")
BOOKED = ("confirmed", "cancelled")
ANSWERS = [
    *((CallOutcome.OK, "", status) for status in STATUSES),
    (CallOutcome.NO, "SEAT_HELD", ""),
    (CallOutcome.NO, "SEAT_UNAVAILABLE", ""),
    *(
        (answer, f"HOLD_{reason}", "")
        for answer in (CallOutcome.NO, CallOutcome.ENDED)
        for reason in ("EXPIRED", "RELEASED")
    ),
    *((answer, "BOOKING_CANCELLED", "") for answer in (CallOutcome.NO, CallOutcome.ENDED)),
    (CallOutcome.NO, "HOLD_CONFIRMED", ""),
    (CallOutcome.NO, "HOLD_NOT_FOUND", ""),
    (CallOutcome.REUSED, "IDEMPOTENCY_KEY_REUSED", ""),
    (CallOutcome.AGAIN, "SEAT_CONTENDED", ""),
    (CallOutcome.UNKNOWN, "", ""),
]


def right(random: Random) -> History:
    """A possible history: each call took effect at one moment, and its answer was true then."""
    seats, calls = Seats(), list[Call]()
    expired_s: dict[str, float] = {}
    for number in range(random.choice((3, 4, 5, 6))):
        at_s = (number + 1) * STEP_S
        for name, kept in seats.holds:
            if kept.status == "held" and random.random() < 0.15:
                seats, expired_s[name] = seats.put(name, replace(kept, status="expired")), at_s - 1
        call = _call(random, number, at_s, [name for name, _ in seats.holds])
        seats = random.choice(_weighted(_outcomes(seats, call)))(call)
        own = seats.made_for(number)
        if own is not None and not call.has_key and random.random() < 0.1:
            call.answer, call.told, call.status = CallOutcome.ENDED, "HOLD_EXPIRED", ""
            seats, expired_s[f"h{number}"] = seats.put(f"h{number}", replace(own, status="expired")), at_s
        if call.answer is CallOutcome.UNKNOWN:
            call.returned_s = random.choice((inf, call.invoked_s + random.random()))
        calls.append(call)
    rows = dict(_rows(seats, expired_s, random))
    owners = {
        cell: late_id(name) if kept.was_late else name
        for name, kept in seats.holds if kept.is_live for cell in kept.cells
    }  # fmt: skip
    return History(calls, rows, owners)


def tampered(history: History, random: Random) -> History:
    """The same with one thing changed; it may still be possible."""
    other = deepcopy(history)
    ways = (_other_answer, _other_answer, _other_window, _other_window, _other_row, _one_more_look)
    random.choice(ways)(other, random)
    return other


def _call(random: Random, number: int, at_s: float, holds: list[str]) -> Call:
    op = random.choice(("hold", "hold", "hold", "confirm", "release", "cancel", "find")) if holds else "hold"
    holder = random.choice(HOLDERS)
    is_hold = op == "hold"
    subject = random.choice(("", f"{holder}-key")) if is_hold else random.choice(holds)
    cells = random.choice(WISHES) if is_hold else ()
    order = random.choice(("o1", "o2")) if op == "confirm" else ""
    invoked_s = at_s - random.random() * SPREAD_S
    returned_s = at_s + random.random() * SPREAD_S
    return Call(number, op, subject, invoked_s, cells, order, returned_s=returned_s, holder=holder)


def _outcomes(seats: Seats, call: Call) -> list["_Outcome"]:
    """Every possible outcome of the call at this moment."""
    new = {f"h{call.number}": (call.subject or call.holder, call.cells)}
    found = []
    for answer, told, status in ANSWERS:
        names = [*new, *(name for name, _ in seats.holds)] if call.op == "hold" and answer is CallOutcome.OK else [told]
        for name in names:
            call.answer, call.told, call.status = answer, name, status
            afters = [after for after in (seats, *effects(seats, call, new)) if agrees(after, call)]
            found += [_Outcome(answer, name, status, after) for after in afters]
    return found


class _Outcome:
    """An answer, and the seats after it."""

    def __init__(self, answer: CallOutcome, told: str, status: str, after: Seats) -> None:
        self.answer, self.told, self.status, self.after = answer, told, status, after

    def __call__(self, call: Call) -> Seats:
        call.answer, call.told, call.status = self.answer, self.told, self.status
        return self.after


def _weighted(outcomes: list[_Outcome]) -> list[_Outcome]:
    """Most calls get an answer."""
    definite = [outcome for outcome in outcomes if outcome.answer not in (CallOutcome.AGAIN, CallOutcome.UNKNOWN)]
    return outcomes + definite * 6


def _rows(seats: Seats, expired_s: dict[str, float], random: Random) -> Iterator[tuple[str, FoundHold]]:
    for name, kept in seats.holds:
        until_ms = round(1_000 * (expired_s.get(name, 1_000.0) - random.random() * SPREAD_S))
        row = FoundHold(
            "expired" if kept.was_late else kept.status, kept.holder, kept.claimant, kept.cells, "", until_ms
        )
        yield name, row if kept.was_late else row._replace(order=kept.order)
        if kept.was_late:
            yield late_id(name), row._replace(status=kept.status, order=kept.order)


def _other_answer(history: History, random: Random) -> None:
    call = random.choice(history.calls)
    call.answer, call.told, call.status = random.choice(ANSWERS)
    if call.answer is CallOutcome.OK:
        call.told = random.choice([*history.bases(), call.subject]) if call.op == "hold" else call.subject
    call.returned_s = min(call.returned_s, call.invoked_s + SPREAD_S)


def _other_window(history: History, random: Random) -> None:
    call = random.choice(history.calls)
    by_s = random.uniform(-3, 3) * STEP_S
    call.invoked_s, call.returned_s = call.invoked_s + by_s, call.returned_s + by_s


def _other_row(history: History, random: Random) -> None:
    rows = dict(history.holds)
    if not rows:
        return
    name = random.choice(sorted(rows))
    match random.randrange(4):
        case 0:
            del rows[name]
        case 1:
            status = random.choice(STATUSES)
            order = random.choice(("o1", "o2")) if status in BOOKED else ""
            rows[name] = rows[name]._replace(status=status, order=order)
        case 2 if rows[name].status in BOOKED:
            rows[name] = rows[name]._replace(order=random.choice(("o1", "o2")))
        case _:
            rows[name] = rows[name]._replace(expires_at_ms=rows[name].expires_at_ms + random.choice((-20_000, 20_000)))
    history.holds = rows
    if random.random() < 0.8:
        history.owners = {
            cell: name for name, row in rows.items() if row.status in ("held", "confirmed") for cell in row.cells
        }


def _one_more_look(history: History, random: Random) -> None:
    if names := history.bases():
        at_s, name, number = random.uniform(0, 80), random.choice(names), len(history.calls)
        look = Call(
            number, "find", name, at_s, returned_s=at_s + random.random() * 9, holder="u", answer=CallOutcome.OK
        )
        look.status = random.choice(STATUSES)
        look.told = name
        history.calls.append(look)
