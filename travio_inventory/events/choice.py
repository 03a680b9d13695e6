"""Which sinks events go to, as an operator writes it: a list of names, which keep the position of each."""

import re
from typing import NamedTuple

JSON_LINES = "json-lines"
NONE = "none"
FILE = "events.jsonl"
SINKS_MAX = 8
FORMS = "none, or json-lines, or several as NAME=json-lines:FILE,NAME=json-lines:FILE"

_NAME = re.compile(r"[a-z][a-z0-9-]{0,31}")


class ChosenSink(NamedTuple):
    """A sink of JSON lines: the file, in the data folder unless its path is absolute."""

    name: str
    file: str


def parse_sinks(text: str) -> tuple[ChosenSink, ...]:
    """The sinks, none for `none`. A sink is named after its kind unless it has a name, which stays the same when the
    rest changes. Raises ValueError, with what is wrong.
    """
    if text.strip() == NONE:
        return ()
    chosen = tuple(_sink(part.strip()) for part in text.split(","))
    for what in (0, 1):
        if len({sink[what] for sink in chosen}) < len(chosen):
            raise ValueError(f"has two sinks of one {ChosenSink._fields[what]}")
    if len(chosen) > SINKS_MAX:
        raise ValueError(f"has more than {SINKS_MAX} sinks")
    return chosen


def _sink(text: str) -> ChosenSink:
    head, has_file, file = text.partition(":")
    named, is_named, kind = head.rpartition("=")
    if kind != JSON_LINES or (has_file and not file):
        raise ValueError("is wrong")
    name = named if is_named else kind
    if not _NAME.fullmatch(name):
        raise ValueError(f"has a sink named {name!r}: a name is up to 32 of a-z, 0-9 and -, and begins with a letter")
    return ChosenSink(name, file or FILE)
