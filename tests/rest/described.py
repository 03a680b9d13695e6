"""Holds answers to the description: their status and form are described, and they have no member that is not."""

import re
from copy import deepcopy
from typing import Any, Final

import httpx
from jsonschema import Draft202012Validator

JSON: Final = ("application/json", "application/problem+json")
OF_NO_CALL: Final = frozenset({404, 405, 413, 414, 415, 431, 500})
"""What HTTP itself answers, and a bug: of such a status no call need say anything."""


class Described:
    """What `/openapi.json` says of every call."""

    def __init__(self, description: dict[str, Any]) -> None:
        self._whole = _closed(deepcopy(description))
        self._calls = [
            (method.upper(), re.compile(_pattern(path)), operation)
            for path, operations in self._whole["paths"].items()
            for method, operation in operations.items()
        ]

    def check(self, answer: httpx.Response) -> None:
        """Raises AssertionError for an answer that is not described. Its body has been read."""
        asked = answer.request.method, answer.request.url.raw_path.partition(b"?")[0].decode()
        operation = self._operation(*asked)
        told = operation and operation["responses"].get(str(answer.status_code))
        if told is None:
            is_of_no_call = operation is None or answer.status_code in OF_NO_CALL
            assert is_of_no_call, f"{asked}: {answer.status_code} is not described"
            return
        form = answer.headers.get("content-type", "").partition(";")[0]
        assert not answer.content or form in told.get("content", {}), f"{asked}: {form} is not described"
        if form in JSON and answer.content:
            schema = {**told["content"][form]["schema"], "components": self._whole["components"]}
            faults = [fault.message for fault in Draft202012Validator(schema).iter_errors(answer.json())]
            assert not faults, f"{asked}: {answer.status_code}: {faults}"

    def _operation(self, asked: str, of: str) -> dict[str, Any] | None:
        found = (each for method, path, each in self._calls if method == asked and path.fullmatch(of))
        return next(found, None)


class Checked(httpx.AsyncBaseTransport):
    """A transport whose answers are whole, and held to the description of what it reaches."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport
        self.described: Described | None = None
        """None: nothing is held to it yet."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """See AsyncBaseTransport."""
        answer = await self._transport.handle_async_request(request)
        body = b"".join([part async for part in answer.stream])  # type: ignore[union-attr]  # of an asynchronous one
        await answer.aclose()
        whole = httpx.Response(answer.status_code, headers=answer.headers, content=body, request=request)
        if self.described is not None:
            self.described.check(whole)
        return httpx.Response(answer.status_code, headers=answer.headers, stream=httpx.ByteStream(body))

    async def aclose(self) -> None:
        """See AsyncBaseTransport."""
        await self._transport.aclose()


def _pattern(path: str) -> str:
    return re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))


def _closed(part: Any) -> Any:  # noqa: ANN401 - JSON
    """The same, where no object may have other members than those that are named."""
    if isinstance(part, list):
        return [_closed(each) for each in part]
    if not isinstance(part, dict):
        return part
    closed = {name: _closed(each) for name, each in part.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed.setdefault("additionalProperties", False)
    return closed
