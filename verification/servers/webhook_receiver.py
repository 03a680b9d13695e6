"""Receives webhooks: keeps on disk what it took, checks signatures by itself, and answers as a test plans."""

import base64
import hashlib
import hmac
import http.client
import json
import os
import ssl
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import Any, TypedDict

from travio_inventory.bench.free_ports import free_port
from verification.servers.certificates import Certificates
from verification.servers.process import OneProcess, ServerProcess, wait_until

HOST = "127.0.0.1"
START_S_MAX = 120
SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
TAKEN = "taken.jsonl"
TOLERANCE_S = 300
WITHOUT_BODY = frozenset({204, 304})
"""By HTTP, answers with these statuses have none."""


class Rule(TypedDict, total=False):
    """The first `times` messages whose id contains `about` are answered so, after a delay."""

    about: str
    times: int
    status: int
    headers: dict[str, str]
    delay_s: float
    is_empty: bool
    """Without a body, whatever the status."""


class Got(TypedDict):
    """A request as it came, and what it was answered."""

    path: str
    id: str
    body: str
    headers: dict[str, str]
    status: int


class _Receiver(BaseHTTPRequestHandler):
    """POST is a webhook; PUT plans the answers at a path; GET has what came there."""

    protocol_version = "HTTP/1.1"
    folder: Path
    got: list[Got]
    rules: dict[str, list[Rule]]
    lock: Lock
    used: Counter[tuple[str, int]]

    def do_PUT(self) -> None:
        with self.lock:
            self.rules[self.path] = json.loads(self._body())
            for key in [key for key in self.used if key[0] == self.path]:
                del self.used[key]
        self._answer(200, b"")

    def do_GET(self) -> None:
        with self.lock:
            found = json.dumps([one for one in self.got if one["path"] == self.path]).encode()
        self._answer(200, found)

    def do_POST(self) -> None:
        body = self._body()
        message_id = self.headers["webhook-id"]
        rule = self._rule(message_id)
        time.sleep(rule.get("delay_s", 0))
        status = rule.get("status", 204) if self._is_signed(body) else 401
        told = {name.lower(): text for name, text in self.headers.items()}
        got: Got = {"path": self.path, "id": message_id, "body": body.decode(), "headers": told, "status": status}
        with self.lock:
            self.got.append(got)
            with (self.folder / TAKEN).open("a") as file:
                file.write(json.dumps(got) + "\n")
                file.flush()
                os.fsync(file.fileno())
        says_nothing = status in WITHOUT_BODY or rule.get("is_empty", False)
        self._answer(status, b"" if says_nothing else f"answer {status}".encode(), rule.get("headers", {}))

    def _rule(self, message_id: str) -> Rule:
        with self.lock:
            for at, rule in enumerate(self.rules.get(self.path, [])):
                if rule.get("about", "") in message_id and self.used[self.path, at] < rule.get("times", 1_000_000):
                    self.used[self.path, at] += 1
                    return rule
        return {}

    def _is_signed(self, body: bytes) -> bool:
        """By one of the signatures, with the secret, just now."""
        message_id, at = self.headers["webhook-id"], self.headers["webhook-timestamp"]
        key = base64.b64decode(SECRET.removeprefix("whsec_"))
        made = hmac.new(key, f"{message_id}.{at}.".encode() + body, hashlib.sha256).digest()
        wanted = f"v1,{base64.b64encode(made).decode()}"
        return wanted in self.headers["webhook-signature"].split(" ") and abs(time.time() - int(at)) < TOLERANCE_S

    def _body(self) -> bytes:
        return self.rfile.read(int(self.headers["content-length"] or 0))

    def _answer(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, text in (headers or {}).items():
            self.send_header(name, text)
        if status not in WITHOUT_BODY:
            self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing."""


@dataclass
class WebhookReceiver(OneProcess):
    """A receiver in its own process, which a test kills, pauses and starts again. With certificates `of_clients` it
    asks who calls.
    """

    port: int
    process: ServerProcess
    certificates: Certificates | None = None

    @property
    def url(self) -> str:
        """Without a path."""
        return f"{'https' if self.certificates else 'http'}://{HOST}:{self.port}"

    def start(self) -> None:
        """Start it and return when it answers. Raises ServerFailedError."""
        self.process.start()
        wait_until(self._answers, "the receiver answers", [self.process], limit_s=START_S_MAX)

    def plan(self, path: str, *rules: Rule) -> None:
        """Answer so at the path from now on."""
        self._ask("PUT", path, json.dumps(rules))

    def got(self, path: str) -> list[Got]:
        """All that ever came to the path, in order."""
        found: list[Got] = json.loads(self._ask("GET", path))
        return found

    def taken(self, path: str) -> list[str]:
        """The ids of what it took at the path, in order."""
        return [one["id"] for one in self.got(path) if one["status"] < 300]

    def _ask(self, method: str, path: str, body: str = "") -> bytes:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        if made := self.certificates:
            context = ssl.create_default_context(cafile=made.authority)
            if made.of_clients:
                context.load_cert_chain(made.certificate, made.key)
            connection = http.client.HTTPSConnection(HOST, self.port, timeout=60, context=context)
        try:
            connection.request(method, path, body)
            return connection.getresponse().read()
        finally:
            connection.close()

    def _answers(self) -> bool:
        try:
            self._ask("GET", "/")
        except OSError:
            return False
        return True


@contextmanager
def webhook_receiver(folder: Path, certificates: Certificates | None = None) -> Iterator[WebhookReceiver]:
    """A running receiver, which knows what was taken before if it is started again; with certificates it speaks only
    TLS.
    """
    port = free_port(HOST)
    root = Path(__file__).parents[2]
    command = [sys.executable, "-m", "verification.servers.webhook_receiver", str(port), str(folder)]
    if certificates:
        command += [str(certificates.certificate), str(certificates.key)]
        command += [str(certificates.authority)] if certificates.of_clients else []
    process = ServerProcess("webhook receiver", command, folder, {"PYTHONPATH": str(root)})
    made = WebhookReceiver(port, process, certificates)
    try:
        made.start()
        yield made
    finally:
        process.kill()


def main(words: Sequence[str]) -> None:
    """Receive at the port; what was taken is in the folder."""
    port, folder = int(words[0]), Path(words[1])
    file = folder / TAKEN
    shared: dict[str, Any] = {
        "folder": folder,
        "got": [json.loads(line) for line in _whole_lines(file)],
        "rules": {},
        "lock": Lock(),
        "used": Counter(),
    }
    server = ThreadingHTTPServer((HOST, port), type("Receiver", (_Receiver,), shared))
    server.daemon_threads = True
    if files := words[2:]:
        server.socket = _context(*files).wrap_socket(server.socket, server_side=True)
    server.serve_forever()


def _context(certificate: str, key: str, of_clients: str = "") -> ssl.SSLContext:
    """What the server shows, and of which authority its clients must be, if any."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    if of_clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(of_clients)
    return context


def _whole_lines(file: Path) -> Sequence[bytes]:
    """What was taken. A line that a kill cut short was not: it is removed, so that nothing is written behind it."""
    file.touch()
    whole, _, _ = file.read_bytes().rpartition(b"\n")
    os.truncate(file, len(whole) + bool(whole))
    return whole.splitlines()


if __name__ == "__main__":
    main(sys.argv[1:])
