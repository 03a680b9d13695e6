"""The journey that a request names: parameters of a query, members of a body."""

from typing import Annotated

from fastapi import Depends, Query

from travio_inventory.api.rest.json_types import AskedInt32
from travio_inventory.seats.trip import Ends


async def _ends(
    origin: Annotated[str, Query(alias="from", description="The first stop.", examples=["dhaka"])] = "",
    destination: Annotated[str, Query(alias="to", description="The last stop.", examples=["chattogram"])] = "",
    from_segment_index: Annotated[
        AskedInt32 | None, Query(description="The first segment, where a route visits a station twice.")
    ] = None,
    to_segment_index: Annotated[AskedInt32 | None, Query(description="The last segment, included.")] = None,
) -> Ends:
    return Ends(origin, destination, from_segment_index, to_segment_index)


AskedEnds = Annotated[Ends, Depends(_ends)]
"""The ends of a journey in a query; on a trip of one segment they may be left out."""
