"""What docs/stock.md says to type is typed, and does what it says."""

import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import httpx
import pytest
from anyio.from_thread import BlockingPortal

from tests.test_http_samples import read
from tests.typed import Type
from travio_inventory.app.service import running
from travio_inventory.cli.exits import Exit
from verification.kit.in_process import settings_of

PAGE = (Path(__file__).parent.parent / "docs" / "stock.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^travio-inventory (.*)$", PAGE, re.MULTILINE)
CURL = re.findall(r"^(curl .*?)  # (\d{3})$", PAGE, re.DOTALL | re.MULTILINE)
(PROGRAM,) = re.findall(r"^```python\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
IDS = {"WAREHOUSE": "warehouseId", "INVENTORY": "inventoryId", "RESERVATION": "reservationId"}
IDS |= {"SUPPLIER": "supplierId", "PURCHASE": "purchaseOrderId"}


@pytest.mark.once
def test_every_sample_does_what_it_says(portal: BlockingPortal, typed: Type, tmp_path: Path) -> None:
    assert len(COMMANDS) == 27
    assert len(CURL) >= 10
    settings = settings_of(None, http_host="127.0.0.1", http_port=0, stock_approval_above="50")
    with portal.wrap_async_context_manager(running(settings)) as app, httpx.Client() as client:
        for command in COMMANDS:
            if "$APPROVAL" in command:
                (waiting,) = client.get(f"http://127.0.0.1:{app.http_port}/api/v1/approvals").json()["items"]
                own = typed(
                    "stock", "approve", waiting["approvalId"], "--user", "ann", TRAVIO_TARGET=f"127.0.0.1:{app.port}"
                )
                assert (own.status, "another person" in own.err) == (Exit.NO, True), own
                command = command.replace("$APPROVAL", waiting["approvalId"])  # noqa: PLW2901 - as a reader would
            if "$ORDER" in command:
                (order,) = client.get(f"http://127.0.0.1:{app.http_port}/api/v1/purchase-orders").json()["items"]
                command = command.replace("$ORDER", order["purchaseOrderId"])  # noqa: PLW2901 - as above
            words = [word.replace("stock.csv", str(tmp_path / "stock.csv")) for word in shlex.split(command)]
            told = typed(*words, TRAVIO_TARGET=f"127.0.0.1:{app.port}")
            assert told.status == 0, (command, told)
        known: dict[str, str] = {}
        for typed_so, status in CURL:
            sample = read(_as_a_shell_reads_it(typed_so, known), int(status))
            address = sample.address.replace("localhost:8083", f"127.0.0.1:{app.http_port}")
            answer = client.request(sample.method, f"http://{address}", headers=sample.headers, content=sample.body)
            assert answer.status_code == sample.status, (typed_so, answer.text)
            for name, member in IDS.items():
                if answer.status_code == 201 and member in answer.json():
                    known.setdefault(name, answer.json()[member])
        file = tmp_path / "sample.py"
        file.write_text(PROGRAM.replace("localhost:9083", f"127.0.0.1:{app.port}"))
        done = subprocess.run(
            [sys.executable, str(file)], capture_output=True, text=True, timeout=200, check=False, cwd=tmp_path
        )
        assert (done.stderr, done.stdout) == ("", "only 3\nTrue\n")


def _as_a_shell_reads_it(command: str, known: Mapping[str, str]) -> list[str]:
    """The words after `curl`, with what the reader's variables are, where a shell puts them in."""
    shown = f"printf '%s\\0' {command.removeprefix('curl ')}"
    told = subprocess.run(["bash", "-uc", shown], env=known, capture_output=True, text=True, timeout=200, check=True)  # noqa: S607 - of whoever runs it
    return told.stdout.split("\0")[:-1]
