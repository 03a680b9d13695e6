"""Examples in the package: trips (a coach, a launch, a train), seat plans, and the feed of a small timetable."""

import re
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from importlib.resources.abc import Traversable

FEED, PLANS = "feed", "plans"
DAY = re.compile(r"\b\d{4}-\d{2}-\d{2}(?!\d)")
LEAVES_IN = timedelta(days=7)
ABOUT_JSON = "A small hall, as {system} has it: `plan convert` reads it."


def names() -> list[str]:
    """The names of the example trips, in alphabetical order."""
    return _names(files(__name__))


def text(name: str) -> str:
    """The trip file with that name, of a trip that leaves in a week. Raises KeyError if there is none."""
    said = _file(files(__name__), name).read_text(encoding="utf-8")
    later = datetime.now(UTC).date() + LEAVES_IN - date.fromisoformat(min(DAY.findall(said)))
    return DAY.sub(lambda day: (date.fromisoformat(day[0]) + later).isoformat(), said)


def about(name: str) -> str:
    """A description in one sentence: the first line of the file."""
    return _first_line(text(name))


def plan_names() -> list[str]:
    """The names of the example seat plans, in alphabetical order."""
    return _names(files(__name__).joinpath(PLANS))


def plan_text(name: str) -> str:
    """The seat plan with that name. Raises KeyError if there is none."""
    return _file(files(__name__).joinpath(PLANS), name).read_text(encoding="utf-8")


def about_plan(name: str) -> str:
    """A description in one sentence; JSON has no first line that says it."""
    said = plan_text(name)
    return _first_line(said) if said.startswith("# ") else ABOUT_JSON.format(system=name.rpartition("-")[2])


def feed_files() -> dict[str, str]:
    """The files of the example feed, by name."""
    folder = files(__name__).joinpath(FEED)
    return {file.name: file.read_text(encoding="utf-8") for file in folder.iterdir() if file.name.endswith(".txt")}


def _names(folder: Traversable) -> list[str]:
    return sorted(file.name.rpartition(".")[0] for file in folder.iterdir() if file.name.endswith((".toml", ".json")))


def _file(folder: Traversable, name: str) -> Traversable:
    for file in folder.iterdir():
        if file.name in (f"{name}.toml", f"{name}.json"):
            return file
    raise KeyError(name)


def _first_line(said: str) -> str:
    return said.splitlines()[0].removeprefix("# ")
