"""A data folder on a disk that several machines share, which may not see each other's locks."""

import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

import pytest

from travio_inventory.store.sqlite import DataFolderInUse, SqliteBatches, lease
from travio_inventory.store.sqlite.folder import locked_folder
from travio_inventory.store.sqlite.lease import SILENT_BEATS, Holder, holder_of, ourselves

BEAT_S = 0.2
ELSEWHERE = Holder(pid=77, host="db-2", machine="another start of another machine")


def name(folder: Path, holder: Holder) -> None:
    """Record the holder as its machine does, whose lock is not visible here."""
    (folder / "lock").write_text(json.dumps(holder._asdict()))


@contextmanager
def alive_elsewhere(folder: Path) -> Iterator[None]:
    """A process of another machine uses the folder, and shows that it runs."""
    is_over = Event()

    def beat() -> None:
        beats = 0
        while not is_over.wait(BEAT_S):
            beats += 1
            name(folder, ELSEWHERE._replace(beat=beats))

    name(folder, ELSEWHERE)
    beating = Thread(target=beat)
    beating.start()
    try:
        yield
    finally:
        is_over.set()
        beating.join()


def test_a_folder_that_a_process_of_another_machine_uses_is_refused(tmp_path: Path) -> None:
    said = "in use by process 77 of db-2: it must be on a disk of one machine"
    with alive_elsewhere(tmp_path), pytest.raises(DataFolderInUse, match=said), locked_folder(tmp_path, beat_s=BEAT_S):
        pass


def test_a_folder_whose_process_died_with_its_machine_is_free_after_a_while(tmp_path: Path) -> None:
    name(tmp_path, ELSEWHERE)
    began_s = time.monotonic()
    with locked_folder(tmp_path, beat_s=BEAT_S):
        assert time.monotonic() - began_s >= SILENT_BEATS * BEAT_S
        assert (named := holder_of(tmp_path / "lock")) is not None
        assert named.pid == os.getpid()


@pytest.mark.parametrize("before", ["nobody", "ended", "killed"])
def test_nobody_waits_for_a_process_of_the_same_machine(tmp_path: Path, before: str) -> None:
    if before == "ended":
        with locked_folder(tmp_path, beat_s=BEAT_S):
            pass
        assert holder_of(tmp_path / "lock") is None
    if before == "killed":
        name(tmp_path, ourselves()._replace(pid=77))
    began_s = time.monotonic()
    with locked_folder(tmp_path, beat_s=60):
        assert time.monotonic() - began_s < 60


def test_a_machine_is_another_one_after_each_start_whatever_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = tmp_path / "boot_id"
    monkeypatch.setattr(lease, "_BOOT_ID", start)
    machines = set()
    for name_of_start in ("first", "second"):
        start.write_text(name_of_start)
        machines.add(ourselves().machine)
    assert len(machines) == 2


def test_the_holder_of_the_folder_shows_every_beat_that_it_runs(tmp_path: Path) -> None:
    with locked_folder(tmp_path, beat_s=0.01):
        first = holder_of(tmp_path / "lock")
        until_s = time.monotonic() + 60
        while holder_of(tmp_path / "lock") in (first, None):
            assert time.monotonic() < until_s
            time.sleep(0.01)


@pytest.mark.parametrize("text", ["", "1234", "[]", '{"pid": 1}', "\x00"])
def test_a_lock_file_that_names_nobody_is_no_obstacle(tmp_path: Path, text: str) -> None:
    (tmp_path / "lock").write_text(text)
    with locked_folder(tmp_path, beat_s=60):
        pass


def modes_in(folder: Path) -> set[int]:
    """The modes of the files in it."""
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_what_names_passengers_is_its_owners_alone(tmp_path: Path) -> None:
    async with SqliteBatches.open(tmp_path):
        assert modes_in(tmp_path) == {0o600}
