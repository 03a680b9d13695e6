"""The load tests as a new user runs them: with their own service, Locust and the verdict."""

import csv
import os
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from load_test.__main__ import main
from load_test.record import RECORD_FILE, Attempt, Outcome, SaleRecord, read_record
from load_test.trips import HOT_SEAT, WHOLE_JOURNEY
from travio_inventory.bench.free_ports import free_port

ROOT = Path(__file__).parent.parent.parent
USERS, ROUNDS = 50, 5
SECONDS_MAX = 60
RUN_SECONDS_MAX = 240
"""Far more than necessary, because processes start slowly on a loaded machine."""

pytestmark = pytest.mark.long


@dataclass(frozen=True, slots=True)
class Done:
    """A load test that has ended."""

    status: int
    said: str
    folder: Path

    @property
    def told(self) -> SaleRecord:
        """Its record."""
        return read_record(self.folder / RECORD_FILE)

    @property
    def figures(self) -> dict[str, tuple[int, int]]:
        """By name, how many requests Locust has counted, and how many failures."""
        with (self.folder / "stats_stats.csv").open() as file:
            rows = [row for row in csv.DictReader(file) if row["Type"] == "grpc"]
        return {row["Name"]: (int(row["Request Count"]), int(row["Failure Count"])) for row in rows}


def run(out: Path, *words: str, **settings: str) -> Done:
    """`python -m load_test` with these arguments and only these settings."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TRAVIO_")}
    command = [sys.executable, "-m", "load_test", *words, f"--out={out}"]
    done = subprocess.run(
        command, cwd=ROOT, env=own | settings, capture_output=True, text=True, timeout=RUN_SECONDS_MAX, check=False
    )
    (folder,) = out.iterdir()
    return Done(done.returncode, done.stdout + done.stderr, folder)


@pytest.mark.once
def test_one_of_fifty_wins_each_round_and_the_verdict_is_ok(tmp_path: Path) -> None:
    done = run(tmp_path, "hot-seat", f"--users={USERS}", f"--rounds={ROUNDS}", f"--seconds={SECONDS_MAX}")
    assert done.status == 0, done.said
    assert "verdict: OK" in done.said
    assert len(done.told.opened) == ROUNDS
    for attempts in done.told.attempts.values():
        assert Counter(attempt.outcome for attempt in attempts) == {Outcome.DONE: 1, Outcome.CONTENTION: USERS - 1}
        assert len({attempt.user for attempt in attempts}) == USERS
        assert all(asks_for_the_hot_seat(attempt) for attempt in attempts)
    assert done.figures == {
        "InitializeTripInventory": (ROUNDS, 0),
        "HoldSeats won": (ROUNDS, 0),
        "HoldSeats contention": (ROUNDS * (USERS - 1), 0),
    }
    assert (done.folder / "report.html").stat().st_size > 0
    assert "Traceback" not in (done.folder / "service.log").read_text()


@pytest.mark.once
def test_shoppers_of_every_kind_leave_a_store_that_is_right(tmp_path: Path) -> None:
    """Without the edge, so that every refusal is the store's."""

    def shop(scenario: str) -> Done:
        return run(tmp_path / scenario, scenario, "--users=20", "--seconds=2", TRAVIO_EDGE="absent")

    with ThreadPoolExecutor() as pool:
        both = list(pool.map(shop, ["flash-sale", "mixed"]))
    for done in both:
        assert done.status == 0, done.said
        assert "verdict: OK" in done.said
        outcomes = Counter(attempt.outcome for attempts in done.told.attempts.values() for attempt in attempts)
        assert outcomes[Outcome.DONE] == done.figures["HoldSeats won"][0] > 0
        asked = [count for name, (count, _) in done.figures.items() if name.startswith("HoldSeats")]
        assert sum(outcomes.values()) == sum(asked)
        assert not any(failures for _, failures in done.figures.values())


@pytest.mark.once
def test_a_service_that_does_not_answer_is_a_failure_without_a_verdict(tmp_path: Path) -> None:
    done = run(tmp_path, "hot-seat", "--users=2", "--seconds=1", f"--target=127.0.0.1:{free_port()}")
    assert done.status == 2, done.said
    assert "not judged: nobody asked for seats" in done.said
    assert done.figures == {"InitializeTripInventory": (1, 1)}


def asks_for_the_hot_seat(attempt: Attempt) -> bool:
    return (attempt.seats, attempt.first, attempt.last) == ((HOT_SEAT,), *WHOLE_JOURNEY)


@pytest.mark.parametrize("option", ["--users", "--seconds", "--rounds"])
def test_a_negative_number_is_refused(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["hot-seat", option, "-5"])
    assert ended.value.code == 2
    assert f"{option}: must be a whole number, 0 or more, not '-5'" in capsys.readouterr().err
