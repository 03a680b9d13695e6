"""The record of a load test: what each user asked for and was told, as JSON lines."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

RECORD_FILE = "record.jsonl"
END = json.dumps({"end": {}})


class Outcome(StrEnum):
    """What a user was told."""

    DONE = "done"
    CONTENTION = "contention"
    """Somebody else has the seat for now, or is taking it."""
    UNAVAILABLE = "unavailable"
    """Somebody else has the seat for good."""
    ENDED = "ended"
    """The hold is over."""
    LIMIT = "limit"
    """A limit was reached; nothing was done."""
    NO_ANSWER = "no answer"
    """A failure of the system: it may have happened or not."""


class StepKind(StrEnum):
    """What a user can do with a hold."""

    CONFIRM = "confirm"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Opened:
    """A trip that was opened. Where it has a `hot_seat`, so many contenders ask for that seat once each."""

    organization: str
    trip: str
    hot_seat: str = ""
    contenders: int = 0


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request to hold seats, under a key of its own. `first` and `last` segment are both included;
    `hold` is the id that was told, "" where it was refused.
    """

    trip: str
    user: str
    key: str
    seats: tuple[str, ...]
    first: int
    last: int
    outcome: Outcome = Outcome.NO_ANSWER
    hold: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """What was asked for a hold, and the answer."""

    hold: str
    kind: StepKind
    outcome: Outcome = Outcome.NO_ANSWER


Line: TypeAlias = Opened | Attempt | Step


class RecordCutOff(Exception):
    """The record has no end: the load test was killed, so what it asked last is not known."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} has no end: the load test was killed before it could write all answers")


class Recorder:
    """Writes a record; a file that is there already is replaced."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("w", encoding="utf-8")

    def write(self, line: Line) -> None:
        """Add one line."""
        self._put(json.dumps({type(line).__name__.lower(): asdict(line)}))

    def close(self) -> None:
        """Write the end: the record is whole."""
        self._put(END)
        self._file.close()

    def _put(self, line: str) -> None:
        self._file.write(f"{line}\n")


@dataclass(frozen=True, slots=True)
class SaleRecord:
    """A whole record: the trips, the attempts by trip, the steps by hold."""

    opened: Sequence[Opened]
    attempts: Mapping[str, Sequence[Attempt]]
    steps: Mapping[str, Sequence[Step]]


def read_record(path: Path) -> SaleRecord:
    """The record as it was written. Raises RecordCutOff, OSError."""
    opened: list[Opened] = []
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    steps: dict[str, list[Step]] = defaultdict(list)
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[-1] != END:
        raise RecordCutOff(path)
    for line in lines[:-1]:
        match json.loads(line):
            case {"opened": values}:
                opened.append(Opened(**values))
            case {"attempt": values}:
                attempt = Attempt(**values | {"seats": tuple(values["seats"]), "outcome": Outcome(values["outcome"])})
                attempts[attempt.trip].append(attempt)
            case {"step": {"hold": hold, "kind": kind, "outcome": outcome}}:
                steps[hold].append(Step(hold, StepKind(kind), Outcome(outcome)))
            case strange:
                raise ValueError(f"no line of a record: {strange}")
    return SaleRecord(opened, attempts, steps)
