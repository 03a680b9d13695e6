"""GTFS's times: counted from noon minus 12 hours of the service's day, beyond 24:00:00 for the hours after midnight."""

import re
from datetime import date, datetime, time, timedelta, tzinfo

DIGITS_MAX = 18
_TIME = re.compile(r"(\d{1,3}):([0-5]\d):([0-5]\d)", re.ASCII)


def is_whole(said: str) -> bool:
    """Whether it is a whole number from 0 on that anybody counts to."""
    return len(said) <= DIGITS_MAX and said.isascii() and said.isdigit()


def seconds_of(said: str) -> int:
    """The seconds of "25:35:00". Raises ValueError."""
    found = _TIME.fullmatch(said)
    if found is None:
        raise ValueError(f"a time must be H:MM:SS, not {said!r}")
    return int(found[1]) * 3_600 + int(found[2]) * 60 + int(found[3])


def clock_of(seconds: int) -> str:
    """The same the other way round: "25:35:00"."""
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def day_begins_s(day: date, zone: tzinfo) -> int:
    """Unix seconds of noon minus 12 hours: midnight, but for the days on which clocks are changed before noon."""
    noon = datetime.combine(day, time(12), zone)
    return int(noon.timestamp()) - int(timedelta(hours=12).total_seconds())
