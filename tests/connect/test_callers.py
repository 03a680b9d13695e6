"""Every call with every kind of caller that may not make it is refused over Connect as over gRPC."""

from collections.abc import AsyncIterator

import pytest
from grpclib.exceptions import GRPCError

from tests.api.test_who_may_call import CALLS, EVERY_WORD, NEEDS, NOT_BELIEVED, STREAMS, request_of
from tests.connect.serving import PROTOBUF, Both, Refused, by_tokens, serving
from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.auth.tokens import WORDS
from verification.kit.tokens import token

UNARY = [name for name in CALLS if name not in STREAMS and NEEDS[name] is not Grant.HEALTH]


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
