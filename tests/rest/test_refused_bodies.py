"""What was read of a body that is refused goes with the refusal: it does not wait for the garbage collector."""

import gc
from collections.abc import AsyncIterator

import pytest

from tests.rest.serving import ALICE, web_of
from travio_inventory.api.rest.guard import BodyLimits

TOO_MANY, TOO_LARGE = (BodyLimits(100_000, 200_000, unread_max=50_000), BodyLimits(50_000, 50_000, unread_max=200_000))


@pytest.mark.parametrize("path", ["/v1/trips", "/v1/holds"])
@pytest.mark.parametrize(("limits", "status"), [(TOO_MANY, 429), (TOO_LARGE, 413)])
async def test_what_was_read_of_a_refused_body_is_free_when_the_answer_is_sent(
    limits: BodyLimits, status: int, path: str
) -> None:
    part = bytes(30_000)

    async def parts() -> AsyncIterator[bytes]:
        yield part
        yield part

    async with web_of(limits) as web:
        gc.disable()
        try:
            assert (await web.client.post(path, content=parts(), headers=ALICE)).status_code == status
            assert not [each for each in gc.get_objects() if type(each) is list and any(it is part for it in each)]
        finally:
            gc.enable()
