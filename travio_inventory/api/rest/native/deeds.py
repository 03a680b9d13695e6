"""What the house did, over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from travio_inventory.api.page_tokens import token_of
from travio_inventory.api.rest.callers import Administering
from travio_inventory.api.rest.json_types import AskedInt32, Int64
from travio_inventory.api.rest.native.lists import paged
from travio_inventory.api.rest.routes import problems_of
from travio_inventory.seats.queries import DeedsQuery
from travio_inventory.seats.use_cases import Inventory


class Deed(BaseModel):
    """Who did what: `outcome` is done, the reason of a refusal, or began, if it may have been done or not."""

    deed_id: Annotated[str, Field(examples=["1f0e3dad99908345f7439f8ffabdffc4"])]
    at_ms: Int64
    who: Annotated[str, Field(examples=["house ann"])]
    what: Annotated[str, Field(examples=["open trip"])]
    about: Annotated[str, Field(examples=["dhaka-chattogram-0605"])]
    outcome: Annotated[str, Field(examples=["done"])]


class DeedPage(BaseModel):
    """Deeds in the order in which they began; the token of the next page, empty after the last."""

    deeds: list[Deed]
    next_page_token: str


class DeedRoutes:
    """The deeds of an organization, those about its stock too."""

    def __init__(self, inventory: Inventory) -> None:
        self._inventory = inventory

    def router(self) -> APIRouter:
        router = APIRouter(prefix="/v1/deeds", tags=["deeds"])
        router.add_api_route("", self.page, summary="What the house did in a month.", responses=problems_of())
        return router

    async def page(
        self,
        caller: Administering,
        month: Annotated[str, Query(description="In UTC; without it the present one.", examples=["2027-06"])] = "",
        page_size: AskedInt32 = 0,
        page_token: str = "",
    ) -> DeedPage:
        query = paged(page_token, lambda after: DeedsQuery(month=month, after=after, page_size=page_size))
        found = await self._inventory.read_deeds(caller.as_organization(), query)
        deeds = [
            Deed(
                deed_id=each.id,
                at_ms=each.at_ms,
                who=each.who,
                what=each.verb,
                about=each.about,
                outcome=each.outcome,
            )
            for each in found.deeds
        ]
        return DeedPage(deeds=deeds, next_page_token=token_of(found.next))
