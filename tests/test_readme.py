"""What README.md says in Python, run as files beside a service that sells the trip it says to open."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from travio_inventory.cli import examples
from travio_inventory.cli.trip_files import parse_trip
from travio_inventory.client import BlockingInventoryClient, InventoryClient
from verification.kit.service_process import ServiceProcess, serving

ROOT = Path(__file__).parent.parent
TARGET = "localhost:9083"
SAMPLES = re.findall(r"^```python\n(.*?)^```$", (ROOT / "README.md").read_text(), re.DOTALL | re.MULTILINE)
SECONDS_MAX = 200


def run(sample: str, service: ServiceProcess, folder: Path) -> str:
    """What the sample says as a file, which asks this service."""
    assert TARGET in sample
    file = folder / "sample.py"
    file.write_text(sample.replace(TARGET, service.target))
    done = subprocess.run(
        [sys.executable, str(file)], cwd=folder, capture_output=True, text=True, timeout=SECONDS_MAX, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.once
async def test_every_sample_books_its_seat_as_it_stands(tmp_path: Path) -> None:
    assert [BlockingInventoryClient.__name__ in sample for sample in SAMPLES] == [True, False]
    async with serving(tmp_path) as service:
        async with InventoryClient(service.target) as client:
            await client.open_trip(parse_trip(examples.text("shinkansen"), source="shinkansen"))
        for sample in SAMPLES:
            assert run(sample, service, tmp_path).startswith("booked: ")
        assert run(SAMPLES[0], service, tmp_path).startswith(("not available: ", "another buyer is taking it: "))
