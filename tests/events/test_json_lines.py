"""What the file holds, and what a crash, a full disk or log rotation may do to it."""

import json
import os
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.events.events import event
from travio_inventory.events.sinks.json_lines import CHUNK_BYTES, JsonLines
from travio_inventory.kernel.events import PublishFailed


def ids(path: Path) -> list[str]:
    """The events in the file, each line of which must be whole."""
    text = path.read_text()
    assert not text or text.endswith("\n")
    return [json.loads(line)["id"] for line in text.splitlines()]


@contextmanager
def files_of_at_most(size: int) -> Iterator[None]:
    """As on a disk that is full: nothing is written beyond that size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


async def test_a_line_says_all_of_the_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    await JsonLines(path).publish([event("e1", user="u\n1")])
    assert [json.loads(line) for line in path.read_text().splitlines()] == [
        {
            "id": "e1",
            "type": "hold.created",
            "version": 1,
            "at_ms": 1_700_000_000_000,
            "actor": "user",
            "organization": "acme",
            "subject": "t1~0~d",
            "ordinal": 0,
            "partition_key": "t1",
            "data": {
                "hold_id": "t1~0~d",
                "trip": "t1",
                "user_id": "u\n1",
                "seats": ["A1", "A2"],
                "first_segment": 1,
                "last_segment": 2,
                "prices": [1500, 1500],
                "currency": "BDT",
                "expires_at_ms": 1_700_000_600_000,
            },
        }
    ]


async def test_nothing_is_opened_before_the_first_event(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    await JsonLines(path).publish([])
    assert not path.exists()


@pytest.mark.parametrize("torn", [b'{"id":"2', b"\0" * 10, b"x" * (3 * CHUNK_BYTES)])
@pytest.mark.parametrize("whole", [b"", b'{"id":"1"}\n'])
async def test_a_line_torn_by_a_crash_is_removed(tmp_path: Path, whole: bytes, torn: bytes) -> None:
    path = tmp_path / "events.jsonl"
    path.write_bytes(whole + torn)
    await JsonLines(path).publish([event("2")])
    assert ids(path) == (["1", "2"] if whole else ["2"])


async def test_whole_lines_survive_a_restart_and_a_close(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    await sink.publish([event("1")])
    sink.close()
    sink.close()
    await sink.publish([event("2")])
    await JsonLines(path).publish([event("3")])
    assert ids(path) == ["1", "2", "3"]


async def test_a_full_disk_tears_no_line_for_good(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    await sink.publish([event("1")])
    with files_of_at_most(path.stat().st_size + 100), pytest.raises(PublishFailed, match=r"events\.jsonl"):
        await sink.publish([event("2")])
    assert not path.read_bytes().endswith(b"\n"), "the fault must have torn a line"
    await sink.publish([event("2")])
    assert ids(path) == ["1", "2"]


async def test_a_file_moved_away_is_left_alone(tmp_path: Path) -> None:
    path, moved = tmp_path / "events.jsonl", tmp_path / "events.1"
    sink = JsonLines(path)
    await sink.publish([event("1")])
    path.rename(moved)
    await sink.publish([event("2")])
    assert (ids(moved), ids(path)) == (["1"], ["2"])


async def test_nobody_else_may_read_who_holds_what(tmp_path: Path) -> None:
    path = tmp_path / "events.jsonl"
    await JsonLines(path).publish([event("1")])
    assert path.stat().st_mode & 0o077 == 0


async def test_every_publish_is_on_disk_before_it_returns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "events.jsonl"
    sink = JsonLines(path)
    await sink.publish([event("1")])
    sizes = []
    sync = os.fsync

    def fsync(file: int) -> None:
        sizes.append(os.fstat(file).st_size)
        sync(file)

    monkeypatch.setattr(os, "fsync", fsync)
    await sink.publish([event("2"), event("3")])
    assert sizes == [path.stat().st_size]
