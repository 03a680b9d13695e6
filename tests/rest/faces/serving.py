"""The service in this process with HTTP, and its clients."""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import httpx
import jwt

from tests.rest.described import Checked, Described
from travio_inventory.app.service import running
from verification.kit.in_process import settings_of

SECRET = "a secret of the tests, 32 bytes or more"  # noqa: S105 - of nobody
TOKENS = {"auth": "jwt", "jwt_secret": SECRET, "jwt_issuer": "shop", "jwt_audience": "inventory"}


class Client:
    """Calls over HTTP, as JSON has them."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def __call__(
        self, method: str, path: str, body: object = None, *, user: str = "", **headers: str
    ) -> httpx.Response:
        """The answer; `user` is who the call says that its caller is."""
        said = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            said["x-user-id"] = user
        return await self._http.request(method, path, json=body, headers=said)

    async def send(self, path: str, body: bytes) -> httpx.Response:
        """Any bytes as a body."""
        return await self._http.post(path, content=body, headers={"content-type": "application/json"})


@asynccontextmanager
async def serving(**settings: object) -> AsyncIterator[Client]:
    """A service that listens for HTTP, and a client."""
    chosen = settings_of(None, **{"http_host": "127.0.0.1", "http_port": 0} | settings)
    checked = Checked(httpx.AsyncHTTPTransport())
    async with (
        running(chosen) as app,
        httpx.AsyncClient(transport=checked, base_url=f"http://127.0.0.1:{app.http_port}", timeout=30) as http,
    ):
        checked.described = Described((await http.get("/openapi.json")).json())
        yield Client(http)


def token(scope: str, user: str = "alice", organization: str = "acme") -> str:
    """The value of Authorization with a token of the tests' issuer."""
    now = int(time.time())
    claims = {"sub": user, "org": organization, "scope": scope, "iss": "shop", "aud": "inventory"}
    return f"Bearer {jwt.encode({**claims, 'iat': now, 'exp': now + 60}, SECRET, 'HS256')}"


def said(answer: httpx.Response) -> tuple[int, Any]:
    """The status, and the body."""
    return answer.status_code, answer.json()


def refused(answer: httpx.Response) -> tuple[int, str, str]:
    """The status, the reason and `error` of a problem, which has the members of all problems."""
    assert answer.headers["content-type"] == "application/problem+json"
    body: Mapping[str, Any] = answer.json()
    assert body["status"] == answer.status_code
    assert {"type", "title", "detail", "domain", "metadata"} <= body.keys()
    return answer.status_code, body["reason"], body["error"]


def seconds_until(moment: str) -> float:
    """How far in the future a moment of an answer is; it is RFC 3339, in UTC."""
    assert moment.endswith("Z")
    return datetime.fromisoformat(moment).timestamp() - time.time()
