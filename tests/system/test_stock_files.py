"""A file of many lines whose service is killed again and again: run again, each line is done once, and told once."""

import asyncio
import json
import os
import sys
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest

from travio_inventory.cli.exits import Exit
from verification.kit.service_process import ORGANIZATION, ServiceProcess, serving

pytestmark = [pytest.mark.thorough, pytest.mark.timeout(480)]

LINES = 10_000
ENTRIES = 100
OPENING = 10
KILLS = 3
RUNS_MAX = 30


class Ran(NamedTuple):
    """How a command ended, and what it said as JSON."""

    status: int
    said: dict[str, Any]


async def typed(service: ServiceProcess, *words: str) -> Ran:
    """A command of the service's organization."""
    where = {"TRAVIO_TARGET": service.target, "TRAVIO_ORGANIZATION": ORGANIZATION, "TRAVIO_USER": "ann"}
    command = [sys.executable, "-m", "travio_inventory.cli", "stock", *words, "--json"]
    pipe = asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(*command, stdout=pipe, stderr=pipe, env={**os.environ, **where})
    out, _ = await process.communicate()
    return Ran(process.returncode or 0, json.loads(out) if out else {})


async def test_a_file_whose_service_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    random, file = Random(1), tmp_path / "stock.csv"
    new = [f"s{number},north,p,,{OPENING}" for number in range(ENTRIES)]
    changes = [(f"s{random.randrange(ENTRIES)}", random.choice((1, 1, 1, -1_000))) for _ in range(LINES - ENTRIES)]
    rows = [*new, *(f"{sku},north,,{quantity}," for sku, quantity in changes)]
    file.write_text("\n".join(["sku,warehouse,product,quantity,total", *rows]) + "\n")
    async with serving(tmp_path) as service:
        await typed(service, "warehouse-add", "north", "North")
        for _ in range(KILLS):
            running = asyncio.ensure_future(typed(service, "import", str(file)))
            await asyncio.sleep(random.uniform(2, 5))
            service.kill()
            await running
            await service.start()
        for _ in range(RUNS_MAX):
            ended = await typed(service, "import", str(file))
            if ended.status != Exit.ASK_AGAIN:
                break
        refused = [number for number, (_, quantity) in enumerate(changes, 2 + ENTRIES) if quantity < 0]
        assert (ended.status, ended.said["done"], ended.said["refused"]) == (
            Exit.NO,
            LINES - len(refused),
            len(refused),
        )
        assert [each["line"] for each in ended.said["not_done_lines"]] == refused
        added = Counter(sku for sku, quantity in changes if quantity > 0)
        entries = (await typed(service, "list")).said["entries"]
        assert {each["sku"]: each["total"] for each in entries} == {
            f"s{number}": OPENING + added[f"s{number}"] for number in range(ENTRIES)
        }
        moved = (await typed(service, "movements", "s0", "north")).said["movements"]
        assert [each["quantity"] for each in moved] == [OPENING, *[1] * added["s0"]]
