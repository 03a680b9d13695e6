"""Live maps on WebSockets: in our own shape, and in that of showtimes; one socket may watch several trips."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing, suppress
from typing import Final

from fastapi import APIRouter
from starlette.types import Message
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketDisconnected

from travio_inventory.api.auth.identity import ANYONE, Grant, Identity
from travio_inventory.api.auth.lasting import ToldAtOnce, is_known, seconds_known, unknown, while_still_known
from travio_inventory.api.live.feeds import Feeds
from travio_inventory.api.live.json_told import as_text, native
from travio_inventory.api.live.showtimes_told import showtime_messages
from travio_inventory.api.live.socket_messages import (
    Authenticate,
    BadSocketMessage,
    SocketMessage,
    Subscribe,
    Unsubscribe,
    Watched,
    read_message,
    watched_in,
)
from travio_inventory.api.live.told import Told, parse_position
from travio_inventory.api.live.watched_parts import query_of
from travio_inventory.api.live.writing import writer_of
from travio_inventory.api.rest.callers import CALLERS, Callers, organization_in
from travio_inventory.api.rest.single_values import check_single
from travio_inventory.kernel.actor import Actor
from travio_inventory.kernel.refusals import InvalidRequest, Overloaded, Refusal, Unauthenticated
from travio_inventory.seats.use_cases import Inventory

BEARER: Final = "bearer"
"""The subprotocol that is followed by the token: a browser can send no header."""
SUBSCRIPTIONS_MAX: Final = 16
"""Of one socket."""
MESSAGES_MAX: Final = 64
"""A caller may send so many at once, and MESSAGES_PER_S after that."""
MESSAGES_PER_S: Final = 4.0
WRITE_S_MAX: Final = 30.0
"""How long a watcher may leave what was sent unread."""
AUTHENTICATE_S_MAX: Final = 10.0
IDLE_S_MAX: Final = 60.0
"""How long a socket that watches nothing stays open."""
REFUSED: Final = 1008
"""The code of a close (RFC 6455, 7.4)."""


class LiveSockets:
    """The route of sockets."""

    def __init__(self, inventory: Inventory, feeds: Feeds) -> None:
        self._inventory = inventory
        self._feeds = feeds

    def router(self) -> APIRouter:
        """A socket at `/` and at `/ws`."""
        router = APIRouter()
        for path in ("/", "/ws"):
            router.add_api_websocket_route(path, self._serve)
        return router

    async def _serve(self, websocket: WebSocket) -> None:
        offered = websocket.scope["subprotocols"]
        await websocket.accept(subprotocol=BEARER if offered[:1] == [BEARER] else None)
        await _Conversation(websocket, self._inventory, self._feeds).hold()


class _Over(Exception):
    """The conversation ends, with that code and reason."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Conversation:
    """With one watcher."""

    def __init__(self, websocket: WebSocket, inventory: Inventory, feeds: Feeds) -> None:
        self._websocket = websocket
        self._inventory = inventory
        self._feeds = feeds
        self._caller = ANYONE
        self._following: dict[Watched, asyncio.Task[None]] = {}
        self._at_once: list[ToldAtOnce[Told]] = []
        self._budget = _Budget(asyncio.get_running_loop().time())

    async def hold(self) -> None:
        """Until either side ends it. A watcher who does not read in time ends it too: nobody is told anything then.
        Of all who tell a watcher that is gone, the first learns it by WebSocketDisconnect, and the others by
        WebSocketDisconnected.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                try:
                    over = await self._converse(tasks)
                finally:
                    for following in self._following.values():
                        following.cancel()
            await self._websocket.close(over.code, over.reason)
        except* (WebSocketDisconnect, WebSocketDisconnected, TimeoutError):
            pass

    async def _converse(self, tasks: asyncio.TaskGroup) -> "_Over":
        """Until we end it: returns why."""
        try:
            check_single(self._websocket)
            identity = await self._identified()
            actor = self._actor(identity)
            self._caller = identity
            await self._watch_address(tasks, actor)
            has_begun = not identity.is_anonymous
            while True:
                said = await self._next_said()
                if isinstance(said, Authenticate):
                    self._renew(await self._authenticated(said))
                    actor = self._actor(self._caller)
                    if not has_begun:  # whoever may look as anybody has a token in its first message all the same
                        await self._watch_address(tasks, actor)
                elif said is not None:
                    await self._do(tasks, actor, said)
                has_begun = True
        except Refusal as refusal:
            await self._send(_error(refusal.reason, str(refusal)))
            return _Over(REFUSED, refusal.reason)
        except _Over as over:
            return over

    async def _watch_address(self, tasks: asyncio.TaskGroup, actor: Actor) -> None:
        """What the address of the socket names."""
        asked = self._websocket.query_params
        if named := watched_in(asked):
            await self._subscribe(tasks, actor, Subscribe(named, asked.get("position", "")))

    async def _identified(self) -> Identity:
        """Who it is: as the connection shows, else the first message has the token. Raises Unauthenticated,
        PermissionDenied, BackendUnavailable.
        """
        try:
            return await self._identify(_subprotocol_token(self._websocket))
        except Unauthenticated as refusal:
            if refusal.error:
                raise
        try:
            async with asyncio.timeout(AUTHENTICATE_S_MAX):
                first = read_message(await self._next_text())
        except (BadSocketMessage, TimeoutError):
            raise Unauthenticated from None
        if not isinstance(first, Authenticate):
            raise Unauthenticated
        return await self._authenticated(first)

    async def _authenticated(self, said: Authenticate) -> Identity:
        """Who the watcher says it is, and is told so: from now on. What it watches it watches as who it was,
        and for as long as the new token lasts if that is of the same one. Raises as `_identify`.
        """
        identity = await self._identify(said.token)
        await self._send(as_text({"type": "authenticated"}))
        return identity

    async def _identify(self, token: str) -> Identity:
        callers: Callers = getattr(self._websocket.app.state, CALLERS)
        return await callers.identify(self._websocket, Grant.VIEW, token=token)

    def _renew(self, identity: Identity) -> None:
        """It is that one from now on; of the same one what is watched already lasts as long as the new token."""
        self._caller = identity
        for at_once in self._at_once:
            if at_once.caller == identity:
                at_once.know(identity)

    def _actor(self, identity: Identity) -> Actor:
        return identity.as_organization(organization_in(self._websocket.query_params))

    async def _next_said(self) -> SocketMessage | None:
        """What the watcher says next; None for what cannot be understood, which it is told. Raises as `_next_text`."""
        try:
            return read_message(await self._next_text())
        except BadSocketMessage as bad:
            await self._send(_error(InvalidRequest.reason, str(bad)))
            return None

    async def _next_text(self) -> str:
        """Raises BadSocketMessage for bytes, _Over for one who says too much or neither says nor watches anything,
        WebSocketDisconnect.
        """
        message = await self._next_message()
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        if not self._budget.spend(asyncio.get_running_loop().time()):
            raise _Over(REFUSED, "too many messages")
        text: str | None = message.get("text")
        if text is None:
            raise BadSocketMessage("a message must be text")
        return text

    async def _next_message(self) -> Message:
        """Raises Unauthenticated as soon as the token has expired."""
        idle_until_s = asyncio.get_running_loop().time() + IDLE_S_MAX
        while True:
            known_s = seconds_known(self._caller)
            with suppress(TimeoutError):
                async with asyncio.timeout(IDLE_S_MAX if known_s is None else min(IDLE_S_MAX, known_s)):
                    return await self._websocket.receive()
            if not is_known(self._caller):
                raise unknown()
            if not self._following and asyncio.get_running_loop().time() >= idle_until_s:
                raise _Over(REFUSED, "nothing is watched")

    async def _do(self, tasks: asyncio.TaskGroup, actor: Actor, said: Subscribe | Unsubscribe) -> None:
        match said:
            case Subscribe() as wanted:
                await self._subscribe(tasks, actor, wanted)
            case Unsubscribe(watched):
                if following := self._following.pop(watched, None):
                    following.cancel()
                await self._send(as_text({"type": "unsubscribed", **watched.named}))

    async def _subscribe(self, tasks: asyncio.TaskGroup, actor: Actor, wanted: Subscribe) -> None:
        """Follow it; who follows it already begins anew."""
        if former := self._following.pop(wanted.watched, None):
            former.cancel()
        if len(self._following) >= SUBSCRIPTIONS_MAX:
            said = f"a socket may watch {SUBSCRIPTIONS_MAX} trips"
            await self._send(_error(Overloaded.reason, said, wanted.watched))
            return
        self._following[wanted.watched] = tasks.create_task(self._follow(actor, wanted))

    async def _follow(self, actor: Actor, wanted: Subscribe) -> None:
        watched = wanted.watched
        write = showtime_messages if watched.is_showtime else _as_one
        at_once = ToldAtOnce(self._caller, write, writer_of(self._websocket.scope))
        self._at_once.append(at_once)
        try:
            query = await query_of(self._inventory, actor, watched.part)
            position = parse_position(wanted.position)
            feed = self._feeds.subscribe(actor, query, position, write=write, at_once=at_once)
            async with aclosing(while_still_known(lambda: at_once.caller, feed)) as known:
                first = await anext(known)
                await self._send(as_text({"type": "subscribed", **watched.named}))
                await self._tell(write(first))
                async for told in known:
                    await self._tell(write(told))
        except Refusal as refusal:
            self._following.pop(watched, None)
            await self._send(_error(refusal.reason, str(refusal), watched))
        finally:
            self._at_once.remove(at_once)

    async def _tell(self, messages: Sequence[str]) -> None:
        for message in messages:
            await self._send(message)

    async def _send(self, text: str) -> None:
        """Raises TimeoutError where the watcher does not read."""
        async with asyncio.timeout(WRITE_S_MAX):
            await self._websocket.send_text(text)


class _Budget:
    """How many messages a watcher may send: so many at once, and so many a second after that."""

    def __init__(self, now_s: float) -> None:
        self._left = float(MESSAGES_MAX)
        self._at_s = now_s

    def spend(self, now_s: float) -> bool:
        """Whether one more may come now."""
        self._left = min(self._left + (now_s - self._at_s) * MESSAGES_PER_S, MESSAGES_MAX) - 1
        self._at_s = now_s
        return self._left >= 0


def _subprotocol_token(websocket: WebSocket) -> str:
    offered = websocket.scope["subprotocols"]
    return offered[1] if len(offered) == 2 and offered[0] == BEARER else ""


def _as_one(told: Told) -> Sequence[str]:
    return (native(told),)


def _error(reason: str, said: str, watched: Watched | None = None) -> str:
    return as_text({"type": "error", "reason": reason, "detail": said, **(watched.named if watched else {})})
