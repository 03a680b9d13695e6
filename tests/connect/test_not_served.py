"""Without the library of Connect the service serves everything else, and says what it lacks."""

import re
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterator
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import httpx
import pytest
from anyio.from_thread import BlockingPortal
from packaging.requirements import Requirement

from tests.connect.serving import JSON, PROTOBUF
from travio_inventory.api.grpc.service import SERVICE
from travio_inventory.bench.free_ports import free_port
from verification.kit.service_process import EndedEarly, ServiceProcess, serving

LIBRARY = "connectrpc"
HINT = f"{LIBRARY}: pip install 'travio-inventory[connect]'"
LACKS = f"Connect and gRPC-Web are not served here: the service lacks {HINT}"
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of an environment with all that is installed here but the library, and what was installed for it."""
    folder = tmp_path_factory.mktemp("without-connect") / "venv"
    venv.create(folder, symlinks=True, with_pip=False)
    [packages] = folder.glob("lib/python*/site-packages")
    lacking = {name.replace("-", "_") for name in (LIBRARY, *map(_name, requires(LIBRARY) or ()))} - {
        "typing_extensions"
    }
    for installed in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not {installed.name, installed.name.partition("-")[0]} & lacking and installed.suffix != ".pth":
            (packages / installed.name).symlink_to(installed)
    (packages / "here.pth").write_text(f"{ROOT}\n")
    return str(folder / "bin" / Path(sys.executable).name)


def _name(requirement: str) -> str:
    return Requirement(requirement).name


@pytest.fixture(scope="module")
def service(python: str, tmp_path_factory: pytest.TempPathFactory, portal: BlockingPortal) -> Iterator[ServiceProcess]:
    """The service as it is set up usually, in that environment."""
    folder = tmp_path_factory.mktemp("service")
    started = serving(folder, python=python, TRAVIO_HTTP_PORT=str(free_port()))
    with portal.wrap_async_context_manager(started) as service:
        yield service


@pytest.fixture
def address(service: ServiceProcess) -> str:
    return f"http://127.0.0.1:{service.web_port}"


def called(address: str, form: str) -> httpx.Response:
    return httpx.post(f"{address}/{SERVICE}/GetTrip", content=b"{}", headers={"content-type": form})


def test_the_environment_has_no_such_library(python: str) -> None:
    said = subprocess.run([python, "-c", f"import {LIBRARY}"], capture_output=True, text=True, check=False).stderr
    assert f"ModuleNotFoundError: No module named '{LIBRARY}'" in said


def test_everything_else_is_served(address: str) -> None:
    for path in ("/", "/ui/seat-map.js", "/openapi.json", "/readyz", "/v1/trips"):
        assert httpx.get(address + path).status_code == 200, path


@pytest.mark.parametrize("form", [JSON, PROTOBUF])
def test_a_call_of_connect_is_told_what_is_not_installed(address: str, form: str) -> None:
    told = called(address, form)
    assert told.status_code == 501
    assert told.json() == {"code": "unimplemented", "message": LACKS}


def test_a_question_of_connect_is_told_the_same(address: str) -> None:
    told = httpx.get(f"{address}/{SERVICE}/GetTrip?connect=v1&encoding=json&message=%7B%7D")
    assert told.json() == {"code": "unimplemented", "message": LACKS}


def test_a_call_of_grpc_web_is_told_it_in_its_own_words(address: str) -> None:
    told = called(address, "application/grpc-web+proto")
    assert (told.status_code, told.headers["grpc-status"], told.headers["grpc-message"]) == (200, "12", LACKS)


async def test_who_asks_for_it_is_told_at_the_start(python: str, tmp_path: Path) -> None:
    asked: dict[str, Any] = {"TRAVIO_CONNECT": "on", "TRAVIO_HTTP_PORT": str(free_port())}
    service = ServiceProcess(tmp_path, python=python, **asked)
    with pytest.raises(EndedEarly, match=f"TRAVIO_CONNECT=on needs {re.escape(HINT)}"):
        await service.start()
