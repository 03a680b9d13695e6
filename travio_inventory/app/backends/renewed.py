"""What is read from files and may be renewed there while the service runs: certificates, and secrets."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from pathlib import Path

from travio_inventory.app.backends.failures import StartFailed
from travio_inventory.kernel.key_files import version_of

LOOK_EVERY_S = 10.0
SECRET_BYTES_MAX = 65_536

_log = logging.getLogger(__name__)


class Renewals:
    """Looks at the files now and then, and when it is told to, and has them loaded when they have changed."""

    def __init__(self) -> None:
        self._watched: list[_Watched] = []

    def watch(self, what: str, files: Iterable[Path | None], load: Callable[[], None]) -> None:
        """Have the files loaded when they change; the first time that is the caller's. `load` raises StartFailed for
        files that are of no use, and then nothing has changed: what was loaded before stays in use.
        """
        self._watched.append(_Watched(what, [path for path in files if path is not None], load))

    def look(self) -> None:
        """Load what has changed. What is of no use is logged once."""
        for watched in self._watched:
            watched.look()

    async def keep_up(self, *, every_s: float = LOOK_EVERY_S) -> None:
        """Look now and then, until cancelled."""
        while True:
            await asyncio.sleep(every_s)
            self.look()


class _Watched:
    def __init__(self, what: str, files: list[Path], load: Callable[[], None]) -> None:
        self._what = what
        self._files = files
        self._load = load
        self._seen = self._state()

    def look(self) -> None:
        now = self._state()
        if now == self._seen:
            return
        self._seen = now
        named = ", ".join(map(str, self._files))
        try:
            self._load()
        except StartFailed as failed:
            _log.error("the old %s stays in use: %s", self._what, failed)
        else:
            _log.info("the %s in %s is used from now on", self._what, named)

    def _state(self) -> tuple[object, ...]:
        """A value that changes with each change of a file."""
        return tuple(map(version_of, self._files))


class SecretFile:
    """A secret in a file, whose first line it is.

    Raises StartFailed for a file that has none, or one that `check` refuses with a ValueError.
    """

    def __init__(
        self, what: str, file: Path, renewals: Renewals, *, check: Callable[[str], object] = lambda _secret: None
    ) -> None:
        self._what = what
        self._file = file
        self._check = check
        self._when_renewed: list[Callable[[], None]] = []
        self._load()
        renewals.watch(what, [file], self._load)

    def when_renewed(self, call: Callable[[], None]) -> None:
        """Call it each time that the file has another secret."""
        self._when_renewed.append(call)

    def __call__(self) -> str:
        """As it is now."""
        return self._value

    def _load(self) -> None:
        file = self._file
        try:
            with file.open("rb") as opened:
                said = opened.read(SECRET_BYTES_MAX).decode().split("\n", 1)[0].rstrip("\r")
            if not said:
                raise ValueError("its first line is empty")
            self._check(said)
        except OSError as failed:
            raise StartFailed(f"{self._what} in {file}: {failed.strerror or failed}") from failed
        except ValueError as failed:
            why = "it is no text in UTF-8" if isinstance(failed, UnicodeDecodeError) else str(failed)
            raise StartFailed(f"{self._what} in {file}: {why}") from None
        self._value = said
        for call in self._when_renewed:
            call()
