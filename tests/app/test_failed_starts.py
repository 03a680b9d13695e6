"""What stops the start, with an error of one line."""

import os
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from travio_inventory.app.backends import StartFailed
from travio_inventory.app.service import open_inventory, running
from travio_inventory.settings import Settings
from verification.kit.in_process import settings_of

NOT_MADE = (
    "data folder /proc/no/folder: No such file or directory: name a folder in TRAVIO_DATA where the service may write"
)


async def test_a_data_folder_belongs_to_one_process(settings: Settings) -> None:
    async with open_inventory(settings):
        with pytest.raises(StartFailed, match=f"in use by process {os.getpid()} of .*: stop that process, or name"):
            async with open_inventory(settings):
                pass
    async with open_inventory(settings):
        pass


async def test_a_data_folder_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    with pytest.raises(StartFailed, match=r"data folder .*/data is a file: name a folder in TRAVIO_DATA$"):
        async with open_inventory(settings_of(tmp_path)):
            pass


async def test_a_data_folder_that_cannot_be_made_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=NOT_MADE):
        async with open_inventory(settings_of(tmp_path, data="/proc/no/folder")):
            pass


async def test_a_folder_is_named_with_its_full_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    settings = settings_of(tmp_path, data="data")
    async with open_inventory(settings):
        with pytest.raises(StartFailed, match=f"data folder {tmp_path}/data is in use"):
            async with open_inventory(settings):
                pass


async def test_an_archive_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "old").write_text("")
    with pytest.raises(StartFailed, match=r"archive of trips .*/old is a file: name a folder in TRAVIO_TRIP_ARCHIVE$"):
        async with open_inventory(settings_of(tmp_path, trip_archive=tmp_path / "old")):
            pass


async def test_an_address_of_another_machine_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(StartFailed, match=r"cannot listen on 192\.0\.2\.1:\d+: .*: name an address of this machine in"):
        async with running(settings_of(tmp_path, grpc_host="192.0.2.1")):
            pass


async def test_a_database_that_is_none_stops_the_start(settings: Settings) -> None:
    settings.store.data.mkdir()
    (settings.store.data / "inventory.db").write_bytes(b"not a database" * 1_000)
    with pytest.raises(StartFailed, match=r"database in data folder .*/data: file is not a database$"):
        async with open_inventory(settings):
            pass


async def test_a_database_of_another_release_stops_the_start(settings: Settings) -> None:
    async with open_inventory(settings):
        pass
    with closing(sqlite3.connect(settings.store.data / "inventory.db")) as shell:
        shell.execute("PRAGMA user_version = 1")
    with pytest.raises(StartFailed, match=r"inventory\.db has schema version 1, from which no release migrates"):
        async with open_inventory(settings):
            pass


async def test_a_file_of_events_that_cannot_be_written_stops_the_start(settings: Settings) -> None:
    (settings.store.data / "events.jsonl").mkdir(parents=True)
    with pytest.raises(
        StartFailed,
        match=r"events cannot be written to .*/events\.jsonl: Is a directory: name a file .* TRAVIO_EVENTS=",
    ):
        async with open_inventory(settings):
            pass


async def test_a_port_in_use_stops_the_start_and_leaves_nothing_behind(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = settings_of(tmp_path, grpc_port=taken.getsockname()[1])
        with pytest.raises(
            StartFailed, match=r"cannot listen on .*:\d+: Address already in use: .* in TRAVIO_GRPC_PORT$"
        ):
            async with running(settings):
                pass
    async with running(settings):
        pass


async def test_a_certificate_that_is_none_stops_the_start(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, tls_cert=__file__, tls_key=__file__)
    with pytest.raises(StartFailed, match="TLS with"):
        async with running(settings):
            pass
