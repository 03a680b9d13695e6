"""A sink of JSON lines, as an operator writes it: `json-lines:FILE`."""

from dataclasses import dataclass
from os.path import normpath

FILE = "events.jsonl"


@dataclass(frozen=True, slots=True)
class JsonLinesFile:
    """The file, in the data folder unless its path is absolute."""

    file: str

    @property
    def place(self) -> str:
        """Where the events go, which no other sink may."""
        return f"file {normpath(self.file)}"


def parse_json_lines(text: str) -> JsonLinesFile:
    """The file in `json-lines` or `json-lines:FILE`. Raises ValueError."""
    _, has_file, file = text.partition(":")
    if has_file and not file:
        raise ValueError("names no file")
    return JsonLinesFile(file or FILE)
