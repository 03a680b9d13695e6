"""Sockets of both shapes with every kind of caller who may not watch, however its token is shown, and with who may."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection

from tests.api.live.serving import selling
from tests.api.live.test_sockets import TOKENS, closed, next_of, say, socket
from tests.api.test_who_may_call import EVERY_WORD, NOT_BELIEVED
from travio_inventory.api.auth.tokens import WORDS
from travio_inventory.api.live import sockets
from travio_inventory.app.service import App
from verification.kit.tokens import token

ORGANIZATION = "default"
FACES = {"native": {"tripId": "t1"}, "showtimes": {"showtimeId": "t1"}}
SOCKETS = ("/ws", "/")
"""The paths of sockets."""
SHOWN_IN = ("header", "subprotocol", "first message")
TOO_FEW = " ".join(sorted(WORDS - {"read"}))

pytestmark = [
    pytest.mark.once,
    pytest.mark.parametrize("named", FACES.values(), ids=FACES),
    pytest.mark.parametrize("shown_in", SHOWN_IN),
]


@pytest.fixture(scope="module")
async def app() -> AsyncIterator[App]:
    """A service where nobody is believed without a token."""
    async with selling(**TOKENS) as app:
        yield app


@pytest.fixture(scope="module")
async def open_app() -> AsyncIterator[App]:
    """A service where anybody may look."""
    async with selling(**TOKENS, auth_anonymous="read") as app:
        yield app


@asynccontextmanager
async def showing(app: App, authorization: str, shown_in: str, path: str) -> AsyncIterator[ClientConnection]:
    """A socket whose watcher shows that."""
    scheme, _, shown = authorization.partition(" ")
    header = {"Authorization": authorization} if shown_in == "header" and authorization else {}
    offered = [scheme.lower(), shown] if shown_in == "subprotocol" and authorization else []
    async with socket(app, path, subprotocols=offered, **header) as opened:
        if shown_in == "first message" and scheme in ("", "Bearer"):
            await say(opened, type="authenticate", token=shown)
        yield opened


def asking(named: dict[str, str], **more: str) -> str:
    """The path that names it, of those that there are."""
    return SOCKETS["showtimeId" in named] + "?" + "&".join(f"{name}={value}" for name, value in (named | more).items())


async def told(opened: ClientConnection) -> dict[str, Any]:
    """What follows the answer to who it is."""
    said = await next_of(opened)
    return await next_of(opened) if said["type"] == "authenticated" else said


@pytest.mark.parametrize("shown", NOT_BELIEVED.values(), ids=NOT_BELIEVED)
async def test_a_watcher_who_is_not_believed_is_unauthenticated(
    app: App, monkeypatch: pytest.MonkeyPatch, shown: str, shown_in: str, named: dict[str, str]
) -> None:
    monkeypatch.setattr(sockets, "AUTHENTICATE_S_MAX", 0.05)
    async with showing(app, shown, shown_in, asking(named)) as opened:
        said = await next_of(opened)
        assert (said["type"], said["reason"]) == ("error", "UNAUTHENTICATED")
        assert shown.partition(" ")[2] not in json.dumps(said) or not shown
        assert await closed(opened) == (1008, "UNAUTHENTICATED")


async def test_a_watcher_needs_the_scope(app: App, shown_in: str, named: dict[str, str]) -> None:
    shown = f"Bearer {token(org=ORGANIZATION, scope=TOO_FEW)}"
    async with showing(app, shown, shown_in, asking(named)) as opened:
        assert (await next_of(opened))["reason"] == "PERMISSION_DENIED"
        assert await closed(opened) == (1008, "PERMISSION_DENIED")


async def test_a_watcher_with_that_scope_alone_is_told(app: App, shown_in: str, named: dict[str, str]) -> None:
    shown = f"Bearer {token(org=ORGANIZATION, scope='read')}"
    async with showing(app, shown, shown_in, asking(named)) as opened:
        assert await told(opened) == {"type": "subscribed", **named}


async def test_a_watcher_names_no_other_organization(app: App, shown_in: str, named: dict[str, str]) -> None:
    shown = f"Bearer {token(org='other', scope=EVERY_WORD)}"
    async with showing(app, shown, shown_in, asking(named, org_id=ORGANIZATION)) as opened:
        assert (await told(opened))["reason"] == "PERMISSION_DENIED"
        assert await closed(opened) == (1008, "PERMISSION_DENIED")


async def test_a_trip_of_another_organization_looks_like_one_that_is_not_there(
    app: App, shown_in: str, named: dict[str, str]
) -> None:
    shown = f"Bearer {token(org='other', scope=EVERY_WORD)}"
    missing = dict.fromkeys(named, "none")
    said = []
    for each in (named, missing):
        async with showing(app, shown, shown_in, asking(each)) as opened:
            answer = await told(opened)
            said.append({name: value for name, value in answer.items() if name not in named})
            await say(opened, type="subscribe", **each)
            assert await next_of(opened) == answer
    assert said[0]["reason"] == "TRIP_NOT_FOUND"
    assert json.dumps(said[0]).replace("t1", "none") == json.dumps(said[1])


async def test_where_anybody_may_look_a_token_that_is_wrong_is_refused_all_the_same(
    open_app: App, shown_in: str, named: dict[str, str]
) -> None:
    path = asking(named, org_id=ORGANIZATION)
    async with showing(open_app, "", shown_in, path) as opened:
        assert await told(opened) == {"type": "subscribed", **named}
    for shown in ("expired", "wrong key", "alg none"):
        async with showing(open_app, NOT_BELIEVED[shown], shown_in, path) as opened:
            while (said := await next_of(opened))["type"] in ("subscribed", "snapshot"):
                pass  # until it says who it is, it is nobody, who may look
            assert said["reason"] == "UNAUTHENTICATED"
            assert await closed(opened) == (1008, "UNAUTHENTICATED")


@pytest.mark.parametrize(("organization", "answer"), [("other", "error"), (ORGANIZATION, "subscribed")])
async def test_where_anybody_may_look_its_address_is_watched_as_who_it_says_first(
    open_app: App, shown_in: str, named: dict[str, str], organization: str, answer: str
) -> None:
    shown = f"Bearer {token(org=organization, scope='read')}"
    async with showing(open_app, shown, shown_in, asking(named)) as opened:
        said = await next_of(opened)
        if shown_in == "first message":
            while said["type"] != "authenticated":
                said = await next_of(opened)  # until then it is nobody, who may look
            said = await next_of(opened)
        while said["type"] != answer:
            assert said["type"] in ("subscribed", "snapshot", "availability")  # on its way since it was nobody
            said = await next_of(opened)
        assert said.get("reason") == ("TRIP_NOT_FOUND" if answer == "error" else None)


async def test_a_watcher_may_say_later_who_it_is(open_app: App, shown_in: str, named: dict[str, str]) -> None:
    """What it asks for from then on, it asks for as that."""
    shown = f"Bearer {token(org='another')}"
    async with showing(open_app, shown, shown_in, "/ws") as opened:
        if shown_in == "first message":
            assert await next_of(opened) == {"type": "authenticated"}
        for organization, answer in (("other", "error"), (ORGANIZATION, "subscribed")):
            await say(opened, type="authenticate", token=token(org=organization))
            assert (await next_of(opened))["type"] == "authenticated"
            await say(opened, type="subscribe", **named)
            assert (await next_of(opened))["type"] == answer
