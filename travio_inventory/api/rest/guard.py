"""What is done to every request and every answer over HTTP: bodies have limits, browsers are told to be careful."""

from typing import Final, NamedTuple

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from travio_inventory.api.rest.origins import Origins
from travio_inventory.api.rest.paths import keep_slashes
from travio_inventory.api.rest.problems import answer, members
from travio_inventory.api.rest.routes import SAFE_METHODS, LargeBodyRoute, RefusedBody
from travio_inventory.kernel.refusals import Overloaded

HEAD_ONLY: Final = "head_only"
"""In the scope of a request that wants no body."""
NO_ROOM: Final = "no_room"
"""In a message of the server instead of the rest of a body for which it had no room in time."""
LARGE_BODY: Final = "large_body"
"""In the scope of a request that is no `LargeBodyRoute`'s: whether its body may be as large all the same."""
DEFAULT_HEADERS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Of each answer that does not say otherwise itself."""

SECURE_HEADERS: Final = (*DEFAULT_HEADERS, (b"strict-transport-security", b"max-age=31536000"))
"""The same over TLS: browsers are to use nothing else."""
SECURE_SCHEMES: Final = frozenset({"https", "wss"})
STARTS: Final = frozenset({"http.response.start", "websocket.http.response.start"})
"""Messages that begin an answer: also a handshake that is refused has one."""

FOREIGN: Final = answer(
    members(403, "pages of this origin may not call: see TRAVIO_CORS_ORIGIN", reason="ORIGIN_NOT_ALLOWED")
)
"""A browser sends some requests of any page without asking, as those of forms."""


NO_UTF_8: Final = answer(members(400, "the path must be UTF-8", reason="BAD_REQUEST"))
NO_SOCKET: Final = answer(members(404, "no WebSocket is served here", reason="NOT_FOUND"))


class BodyLimits(NamedTuple):
    """How large the body of a request may be; of an administrator's; and all that are being read together."""

    usual_max: int
    large_max: int
    unread_max: int


class Guard:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, limits: BodyLimits, origins: Origins) -> None:
        self._app = app
        self._limits = limits
        self._origins = origins
        self._unread_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        send = _with_default_headers(send, scope["scheme"])
        if refusal := _refusal_of_path(scope) or self._refusal_of_origin(scope):
            await refusal(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._app(scope, receive, _or_answer(scope, receive, send))
        else:
            await self._request(scope, receive, send)

    def _refusal_of_origin(self, scope: Scope) -> Response | None:
        """The answer to what pages of other origins may not do: ask for more than to read, and open sockets."""
        only_reads = scope.get("method") in SAFE_METHODS
        return None if only_reads or self._origins.may_call(scope["headers"]) else FOREIGN

    async def _request(self, scope: Scope, receive: Receive, send: Send) -> None:
        asked = scope
        if scope["method"] == "HEAD":
            scope = {**scope, "method": "GET", HEAD_ONLY: True}  # the server sends no body: it knows what was asked
        body_bytes = 0

        async def receive_within_limits() -> Message:
            nonlocal body_bytes
            message = await receive()
            if NO_ROOM in message:
                raise RefusedBody(Overloaded)
            if message["type"] == "http.request":
                size_bytes = len(message.get("body", b""))
                body_bytes += size_bytes
                self._unread_bytes += size_bytes
                self._check(scope, max(body_bytes, _declared(scope)))
            return message

        try:
            await self._app(scope, receive_within_limits, send)
        finally:
            self._unread_bytes -= body_bytes
            asked["route"] = scope.get("route")

    def _check(self, scope: Scope, body_bytes: int) -> None:
        """Raises HTTPException for a body that is too large, RefusedBody where there are too many of them."""
        is_large = isinstance(scope.get("route"), LargeBodyRoute) or scope.get(LARGE_BODY, False)
        bytes_max = self._limits.large_max if is_large else self._limits.usual_max
        if body_bytes > bytes_max:
            raise HTTPException(413, f"the body may have {bytes_max} bytes")
        if self._unread_bytes > self._limits.unread_max:
            raise RefusedBody(Overloaded)


def _refusal_of_path(scope: Scope) -> Response | None:
    """Prepare the path for the routes; the answer to one that is no text."""
    try:
        keep_slashes(scope)
    except UnicodeDecodeError:
        return NO_UTF_8
    return None


def _declared(scope: Scope) -> int:
    """How large the body will be, as far as its sender says: 0 if not. The server has checked that it is a number."""
    return next((int(value) for name, value in scope["headers"] if name == b"content-length"), 0)


def _with_default_headers(send: Send, scheme: str) -> Send:
    defaults = SECURE_HEADERS if scheme in SECURE_SCHEMES else DEFAULT_HEADERS

    async def send_with_headers(message: Message) -> None:
        if message["type"] in STARTS:
            headers = message.setdefault("headers", [])
            said = {name for name, _ in headers}
            message["headers"] = [*headers, *(header for header in defaults if header[0] not in said)]
        await send(message)

    return send_with_headers


def _or_answer(scope: Scope, receive: Receive, send: Send) -> Send:
    """A handshake that nobody takes is answered as any other request."""
    is_taken = False

    async def send_or_answer(message: Message) -> None:
        nonlocal is_taken
        is_taken = is_taken or message["type"] == "websocket.accept"
        if message["type"] == "websocket.close" and not is_taken:
            await NO_SOCKET(scope, receive, send)
        else:
            await send(message)

    return send_or_answer
