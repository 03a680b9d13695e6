"""Which services run on a date: the weekdays of calendar.txt, with the exceptions of calendar_dates.txt."""

from datetime import date, datetime

from travio_inventory.imports.documents import WrongFile
from travio_inventory.imports.gtfs.feed import Feed

CALENDAR, EXCEPTIONS = "calendar.txt", "calendar_dates.txt"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
ADDED, REMOVED = "1", "2"
DATE_DIGITS = 8


def services_on(feed: Feed, day: date) -> frozenset[str]:
    """The services that run on the date. A feed has either file or both. Raises WrongFile."""
    if not feed.has(CALENDAR) and not feed.has(EXCEPTIONS):
        raise WrongFile(f"{feed.path}: has neither {CALENDAR} nor {EXCEPTIONS}")
    running = _of_the_weekday(feed, day) if feed.has(CALENDAR) else set()
    if feed.has(EXCEPTIONS):
        wanted = day.strftime("%Y%m%d")
        for line, (service, at, kind) in feed.rows(EXCEPTIONS, ("service_id", "date", "exception_type")):
            if kind not in (ADDED, REMOVED):
                raise feed.wrong(EXCEPTIONS, line, f"exception_type must be {ADDED} or {REMOVED}, not {kind!r}")
            if at == wanted:
                (running.add if kind == ADDED else running.discard)(service)
    return frozenset(running)


def _of_the_weekday(feed: Feed, day: date) -> set[str]:
    columns = ("service_id", WEEKDAYS[day.weekday()], "start_date", "end_date")
    running = set()
    for line, (service, runs, start, end) in feed.rows(CALENDAR, columns):
        if _date(feed, line, start) <= day <= _date(feed, line, end) and runs == "1":
            running.add(service)
    return running


def _date(feed: Feed, line: int, said: str) -> date:
    try:
        if len(said) != DATE_DIGITS:
            raise ValueError(said)
        return datetime.strptime(said, "%Y%m%d").date()  # noqa: DTZ007 - a date has no time zone
    except ValueError:
        raise feed.wrong(CALENDAR, line, f"a date must be YYYYMMDD, not {said!r}") from None
