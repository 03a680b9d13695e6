"""The edge's scripts in Redis, each on keys of one slot, and the commands that run them."""

from collections.abc import Iterable, Sequence
from hashlib import sha1
from pathlib import Path
from typing import Final, TypeAlias

from hiredis import pack_command

Word: TypeAlias = bytes | str | int

_FOLDER = Path(__file__).parent / "scripts"


def packed(words: Iterable[Word]) -> bytes:
    """The command in the wire format."""
    command: bytes = pack_command(tuple(words))  # type: ignore[arg-type]  # typed as a tuple of one word
    return command


class Script:
    """One script, atomic on its keys and harmless when it runs twice."""

    def __init__(self, text: bytes) -> None:
        self.text: Final = text
        self.digest: Final = sha1(text, usedforsecurity=False).hexdigest()

    def by_digest(self, keys: Sequence[bytes], words: Iterable[Word]) -> bytes:
        """The command that runs a known script."""
        return packed(("EVALSHA", self.digest, len(keys), *keys, *words))

    def in_full(self, keys: Sequence[bytes], words: Iterable[Word]) -> bytes:
        """The command that runs the script and makes it known."""
        return packed(("EVAL", self.text, len(keys), *keys, *words))


class Command(Script):
    """A command of Redis that needs no script."""

    def by_digest(self, keys: Sequence[bytes], words: Iterable[Word]) -> bytes:
        """The command."""
        return packed((self.text, *keys, *words))

    in_full = by_digest


def _read(name: str) -> Script:
    return Script((_FOLDER / f"{name}.lua").read_bytes())


ENTER: Final = _read("enter")
LEAVE: Final = _read("leave")
MARK: Final = _read("mark")
CLEAR: Final = _read("clear")
READ: Final = _read("read")
LEASE: Final = _read("lease")
FILL: Final = _read("fill")
INVALIDATE: Final = _read("invalidate")
SPEND: Final = _read("spend")
LOOK: Final = _read("look")
MGET: Final = Command(b"MGET")
