"""A feed's files, in a folder or a zip, read row by row: a file of millions of rows takes the memory of one."""

import csv
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import IO, NamedTuple
from zipfile import BadZipFile, ZipFile

from travio_inventory.imports.documents import WrongFile

ENCODING = "utf-8-sig"
"""GTFS is UTF-8, with or without a byte order mark."""
STOP_TIMES = "stop_times.txt"


class Row(NamedTuple):
    """A row's line in its file, and the values of the requested columns; "" for a column that the file lacks."""

    line: int
    values: tuple[str, ...]


class Feed:
    """The files of one feed. What cannot be read raises WrongFile, which names the file and the line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._in_zip = not path.is_dir()
        with self._told(""):
            self._folder = self._folder_in_zip() if self._in_zip else ""
            self._names = self._members() if self._in_zip else self._files()

    def _folder_in_zip(self) -> str:
        """Where the zip has its files: at the top, else in the one folder that has a timetable, as "feed/"."""
        with ZipFile(self.path) as packed:
            found = {name.removesuffix(STOP_TIMES) for name in packed.namelist() if Path(name).name == STOP_TIMES}
        return found.pop() if len(found) == 1 else ""

    def _members(self) -> set[str]:
        with ZipFile(self.path) as packed:
            found = [each.filename for each in packed.infolist() if each.file_size]
        return {name.removeprefix(self._folder) for name in found if name.startswith(self._folder)}

    def _files(self) -> set[str]:
        return {file.name for file in self.path.iterdir() if file.is_file() and file.stat().st_size}

    def has(self, name: str) -> bool:
        """Whether the feed has the file, with something in it."""
        return name in self._names

    def rows(self, name: str, required: Sequence[str], optional: Sequence[str] = ()) -> Iterator[Row]:
        """The rows of a file: the required columns, then the optional ones, without blanks around a value. Empty lines
        are skipped.
        """
        if not self.has(name):
            raise WrongFile(f"{self.path}: {name}: is missing or empty")
        with self._told(name), self._opened(name) as text:
            lines = csv.reader(text)
            header = [column.strip() for column in next(lines, [])]
            for column in required:
                if column not in header:
                    raise WrongFile(f"{self.path}: {name}: has no column {column}")
            width = len(header)
            places = [header.index(column) if column in header else width for column in (*required, *optional)]
            blanks = [""] * (width + 1)
            for cells in filter(None, lines):
                cells[width:] = blanks[: max(1, width + 1 - len(cells))]  # as many as columns, and one for what is none
                yield Row(lines.line_num, tuple([cells[at].strip() for at in places]))

    def wrong(self, name: str, line: int, said: str) -> WrongFile:
        """The error to raise about a row."""
        return WrongFile(f"{self.path}: {name}: line {line}: {said}")

    @contextmanager
    def _opened(self, name: str) -> Iterator[IO[str]]:
        if not self._in_zip:
            with (self.path / name).open(encoding=ENCODING, newline="") as text:
                yield text
            return
        with (
            ZipFile(self.path) as packed,
            packed.open(self._folder + name) as data,
            TextIOWrapper(data, encoding=ENCODING, newline="") as text,
        ):
            yield text

    @contextmanager
    def _told(self, name: str) -> Iterator[None]:
        """What goes wrong below, as WrongFile."""
        where = f"{self.path}: {name}" if name else str(self.path)
        try:
            yield
        except OSError as failed:
            raise WrongFile(f"{where}: {failed.strerror or failed}") from None
        except UnicodeDecodeError as failed:
            raise WrongFile(f"{where}: not UTF-8 text: {failed.reason}") from None
        except csv.Error as failed:
            raise WrongFile(f"{where}: not CSV: {failed}") from None
        except (BadZipFile, EOFError, NotImplementedError, RuntimeError, zlib.error) as failed:
            raise WrongFile(f"{where}: not a zip file that can be read: {failed}") from None
