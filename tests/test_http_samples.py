"""What docs/http.md says to type is typed, and answered with the status that it says."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import httpx

from travio_inventory.app.service import running
from verification.kit.in_process import settings_of

PAGE = Path(__file__).parent.parent / "docs" / "http.md"
PLACE = "localhost:8083"
COMMAND = re.compile(r"^(curl .*?)  # (\d{3})$", re.DOTALL | re.MULTILINE)
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)


class Sample(NamedTuple):
    """A command as it is typed, and the status that is promised."""

    method: str
    address: str
    headers: dict[str, str]
    body: str
    status: int


def samples() -> Iterator[Sample]:
    """All commands of the page."""
    for block in BLOCK.findall(PAGE.read_text()):
        for command, status in COMMAND.findall(block):
            yield read(shlex.split(command)[1:], int(status))


def read(words: list[str], status: int) -> Sample:
    """The words after `curl`."""
    method, address, body = "", "", ""
    headers: dict[str, str] = {}
    rest = iter(words)
    for word in rest:
        match word:
            case "-s":
                pass
            case "-X":
                method = next(rest)
            case "-d":
                body = next(rest)
            case "-H":
                name, _, value = next(rest).partition(": ")
                headers[name] = value
            case _:
                address = word
    return Sample(method or ("POST" if body else "GET"), address, headers, body, status)


async def test_every_command_is_answered_as_it_says() -> None:
    typed = list(samples())
    assert len(typed) >= 10
    settings = settings_of(None, http_host="127.0.0.1", http_port=0)
    async with running(settings, only="http") as app, httpx.AsyncClient() as client:
        hold = ""
        for sample in typed:
            address = sample.address.replace(PLACE, f"127.0.0.1:{app.http_port}").replace("$HOLD", hold)
            answer = await client.request(
                sample.method, f"http://{address}", headers=sample.headers, content=sample.body
            )
            assert answer.status_code == sample.status, (sample, answer.text)
            if "/v1/holds" in address and sample.method == "POST" and not hold:
                hold = answer.json()["hold_id"]
