"""Every call with every kind of caller that may not make it is refused over Connect as over gRPC."""

import json
import re
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator

import httpx
import pytest
from google.protobuf.descriptor_pb2 import MethodOptions
from grpclib.exceptions import GRPCError

from tests.api.test_who_may_call import CALLS, EVERY_WORD, NEEDS, NOT_BELIEVED, STREAMS, request_of
from tests.connect.serving import JSON, PROTOBUF, Both, Refused, by_tokens, serving
from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.auth.tokens import WORDS
from travio_inventory.api.grpc import descriptors
from travio_inventory.api.grpc.service import SERVICE
from verification.kit.tokens import token

UNARY = [name for name in CALLS if name not in STREAMS and NEEDS[name] is not Grant.HEALTH]


METHODS = descriptors.pool().FindServiceByName(SERVICE).methods
READS = {
    method.name for method in METHODS if method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
} - STREAMS
"""Those that Connect lets a browser ask with GET."""
GET, CONNECT_STREAM, GRPC_WEB = "GET", "application/connect+proto", "application/grpc-web+proto"
FORMS = {
    PROTOBUF: set(UNARY),
    JSON: set(UNARY),
    GET: READS - {name for name in CALLS if NEEDS[name] is Grant.HEALTH},
    CONNECT_STREAM: STREAMS,
    GRPC_WEB: {*UNARY, *STREAMS},
}
"""Every form in which a call can be made, and the calls that can."""
GRPC_CODES = {"16": "unauthenticated", "7": "permission_denied"}
each_form = pytest.mark.parametrize("form", FORMS)


@pytest.fixture(scope="module")
async def both() -> AsyncIterator[Both]:
    async with serving(by_tokens()) as made:
        yield made


async def over_grpc(both: Both, name: str, shown: str) -> Refused | None:
    call = both.stub._unary_unary
    path = f"/inventory.v1.InventoryService/{name}"
    request = request_of(name)
    try:
        await call(path, request, type(request), metadata={"authorization": shown} if shown else {})
    except GRPCError as refused:
        return Refused.of_grpc(refused.status.name, refused.message, refused.details)
    return None


async def over_connect(both: Both, name: str, shown: str) -> Refused | None:
    headers = {"authorization": shown} if shown else {}
    answer = await both.ask(request_of(name), name, **headers)
    return answer if isinstance(answer, Refused) else None


@pytest.mark.parametrize("shown", NOT_BELIEVED.values(), ids=NOT_BELIEVED)
async def test_a_caller_who_is_not_believed_is_refused_alike(both: Both, shown: str) -> None:
    for name in UNARY:
        told = await over_connect(both, name, shown)
        assert told is not None
        assert told.code == "unauthenticated"
        assert told == await over_grpc(both, name, shown), name


async def test_a_caller_without_the_scope_is_refused_alike(both: Both) -> None:
    for name in UNARY:
        needs = Grant.READ if NEEDS[name] is Grant.VIEW else NEEDS[name]
        shown = f"Bearer {token(org='org', sub='user', scope=' '.join(sorted(WORDS - {needs})))}"
        told = await over_connect(both, name, shown)
        assert told is not None
        assert told.code == "permission_denied"
        assert told == await over_grpc(both, name, shown), name


async def test_another_organization_is_refused_alike(both: Both) -> None:
    shown = f"Bearer {token(org='other', sub='user', scope=EVERY_WORD)}"
    for name in UNARY:
        assert await over_connect(both, name, shown) == await over_grpc(both, name, shown), name


async def test_a_stream_is_refused_too(both: Both) -> None:
    for name in STREAMS:
        body = bytes(request_of(name))
        framed = b"\0" + len(body).to_bytes(4) + body
        answer = await both.post(name, framed, form="application/connect+proto")
        assert b'"unauthenticated"' in answer.content


async def test_a_caller_who_is_refused_is_not_read(both: Both) -> None:
    """Nobody makes the service read 20 kB without a token: the body is no message, and that is not what is said."""
    answer = await both.post("HoldSeats", b"\xff" * 10_000, form=PROTOBUF)
    assert Refused.read(answer.content).code == "unauthenticated"


# In every form of a call.


async def asked(both: Both, name: str, form: str, shown: str) -> httpx.Response:
    headers = {"authorization": shown} if shown else {}
    body = bytes(request_of(name))
    if form == GET:
        asks = {"connect": "v1", "encoding": "proto", "base64": "1", "message": urlsafe_b64encode(body).decode()}
        return await both.client.get(f"/{SERVICE}/{name}", params=asks, headers=headers)
    if form in (GRPC_WEB, CONNECT_STREAM):
        body = bytes(1) + len(body).to_bytes(4) + body
    return await both.post(name, b"{}" if form == JSON else body, form=form, **headers)


async def code(both: Both, name: str, form: str, shown: str) -> str:
    """Why the call is refused, in the words of Connect."""
    answer = await asked(both, name, form, shown)
    if form == GRPC_WEB:
        (told,) = re.findall(r"grpc-status\W+(\d+)", f"{answer.headers} {answer.content!r}")
        return GRPC_CODES[told]
    body = answer.content[5:] if form == CONNECT_STREAM else answer.content
    refusal = json.loads(body)
    return str(refusal.get("error", refusal)["code"])


@each_form
@pytest.mark.parametrize("shown", NOT_BELIEVED.values(), ids=NOT_BELIEVED)
async def test_however_it_asks_a_caller_who_is_not_believed_is_refused(both: Both, shown: str, form: str) -> None:
    assert FORMS[form]
    for name in FORMS[form]:
        assert await code(both, name, form, shown) == "unauthenticated", name


@each_form
async def test_however_it_asks_a_caller_needs_the_scope(both: Both, form: str) -> None:
    for name in FORMS[form]:
        needs = Grant.READ if NEEDS[name] is Grant.VIEW else NEEDS[name]
        shown = f"Bearer {token(org='org', sub='user', scope=' '.join(sorted(WORDS - {needs})))}"
        assert await code(both, name, form, shown) == "permission_denied", name
