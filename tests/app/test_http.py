"""The HTTP listener: beside gRPC, alone, or not at all."""

import asyncio
import socket
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.typed import Type
from travio_inventory.app.backends import StartFailed
from travio_inventory.app.service import App, running
from travio_inventory.app.serving import Face
from travio_inventory.bench.free_ports import free_port
from travio_inventory.settings import Settings
from verification.kit.in_process import settings_of
from verification.kit.service_process import serving
from verification.servers.certificates import make_certificates

STRANGERS = ("fastapi", "httptools", "httpx", "jwt", "starlette", "uvicorn", "websockets")
"""What only HTTP and tokens need."""
PROGRAM = f"""import sys
from travio_inventory.cli import server
print(sorted(set({STRANGERS}) & sys.modules.keys()))
"""


def with_http(folder: Path | None = None, **changed: object) -> Settings:
    """The service in this process, with HTTP at any free port."""
    return settings_of(folder, **{"http_host": "127.0.0.1", "http_port": 0} | changed)


def web(app: App) -> httpx.AsyncClient:
    """A client of the app's HTTP listener."""
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}")


async def test_it_listens_beside_grpc_and_says_whether_it_is_ready() -> None:
    async with running(with_http()) as app, web(app) as client:
        assert app.port not in (0, app.http_port)
        assert (await client.get("/livez")).json() == {"status": "alive"}
        assert (await client.get("/readyz")).json() == {"status": "ready", "problems": {}}
        app.readiness.note("store", "no answer")
        answer = await client.get("/readyz")
        assert (answer.status_code, answer.json()["problems"]) == (503, {"store": "no answer"})


async def test_it_listens_alone() -> None:
    async with running(with_http(), only="http") as app, web(app) as client:
        assert app.port == 0
        assert (await client.get("/livez")).status_code == 200


@pytest.mark.parametrize(("port", "only"), [("off", None), (0, "grpc")])
async def test_it_can_be_off(port: object, only: Face | None) -> None:
    async with running(with_http(http_port=port), only=only) as app:
        assert app.port
        assert app.http_port == 0


def test_without_http_a_start_imports_nothing_that_only_http_needs() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


async def test_a_port_in_use_stops_the_start_and_its_setting_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = with_http(http_port=taken.getsockname()[1])
        with pytest.raises(StartFailed, match=r"Address already in use: .* in TRAVIO_HTTP_PORT$"):
            async with running(settings):
                pass


async def test_with_a_certificate_it_speaks_tls(tmp_path: Path) -> None:
    made = make_certificates(tmp_path)
    settings = with_http(tmp_path, tls_cert=made.certificate, tls_key=made.key)
    async with running(settings) as app:
        trusting = ssl.create_default_context(cafile=made.authority)
        trusting.set_alpn_protocols(["h2", "http/1.1"])  # as a browser does
        _, writer = await asyncio.open_connection("localhost", app.http_port, ssl=trusting)
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        writer.close()
        async with httpx.AsyncClient(base_url=f"https://localhost:{app.http_port}", verify=trusting) as client:
            answer = await client.get("/livez")
            assert (answer.status_code, "strict-transport-security" in answer.headers) == (200, True)


async def test_a_head_is_answered_without_a_body() -> None:
    async with running(with_http()) as app, web(app) as client:
        answers = [await client.get("/livez"), await client.head("/livez")]
        assert [len(answer.content) > 0 for answer in answers] == [True, False]
        assert answers[0].headers["content-length"] == answers[1].headers["content-length"]
        assert "strict-transport-security" not in answers[0].headers


async def test_a_caller_that_leaves_before_its_body_is_there_is_no_error(caplog: pytest.LogCaptureFixture) -> None:
    async with running(with_http()) as app:
        _, writer = await asyncio.open_connection("127.0.0.1", app.http_port)
        head = "POST /v1/holds HTTP/1.1\r\nHost: here\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
        writer.write(head.encode())
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        await asyncio.sleep(0.1)
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def test_requests_that_cannot_be_read_count_as_others_do() -> None:
    """And a request is one, whoever of us asks whose it is."""
    limited = with_http(requests_per_address_max=1, request_burst_seconds=60)
    async with running(limited) as app, web(app) as client:
        is_json = {"content-type": "application/json"}
        assert {(await client.post("/v1/holds", content=b"{", headers=is_json)).status_code for _ in range(30)} == {400}
        assert {(await client.get("/v1/trips?page_size=1&page_size=2")).status_code for _ in range(20)} == {422}
        told = [(await client.post("/v1/trips", content=b"{}")).status_code for _ in range(200)]
        assert told[0] == 415
        assert told[-1] == 429


async def test_the_process_says_where_it_listens(tmp_path: Path) -> None:
    port = free_port()
    async with serving(tmp_path, "serve --only http", TRAVIO_HTTP_PORT=str(port)) as service:
        assert f"ready: HTTP at 127.0.0.1:{port}, store" in service.log
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/readyz")).status_code == 200
        assert await service.stop() == 0


def test_to_serve_only_http_while_it_is_off_is_wrong(typed: Type) -> None:
    answer = typed("serve", "--only", "http", HTTP_PORT="off")
    assert (answer.status, answer.err) == (2, "--only http: TRAVIO_HTTP_PORT is off: name a port\n")
