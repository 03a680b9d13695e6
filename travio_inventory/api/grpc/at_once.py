"""HoldSeats refused as soon as its request is read, in the very bytes in which it would be refused later."""

from functools import lru_cache
from typing import Any

from google.protobuf.message import DecodeError
from grpclib.exceptions import GRPCError
from grpclib.server import Stream

from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.grpc.callers import Callers
from travio_inventory.api.grpc.descriptors import message_type
from travio_inventory.api.grpc.messages import hold_asked
from travio_inventory.api.grpc.refusals import grpc_error
from travio_inventory.kernel.refusals import Refusal
from travio_inventory.seats.refusals import SeatTaken
from travio_inventory.seats.use_cases.turn_away import RefusesAtOnce


class HoldsRefusedAtOnce:
    """What the server asks before it starts the handler of HoldSeats: the answer, or None where only the handler knows
    it. Whatever is wrong with a call is told by the handler. It raises nothing, waits for nothing and logs nothing.
    """

    def __init__(self, turn_away: RefusesAtOnce, authentication: Authentication) -> None:
        self._turn_away = turn_away
        self._callers = Callers(authentication)
        self._read = message_type("HoldSeatsRequest").FromString

    def __call__(self, stream: Stream[Any, Any], data: bytes) -> GRPCError | None:
        """The refusal of the request that these bytes are, if it is known."""
        try:
            caller = self._callers.known(stream, Grant.HOLD)
            if caller is None:
                return None
            refusal = self._turn_away(*hold_asked(caller, self._read(data)))
        except (Refusal, DecodeError):
            return None
        if refusal is None:
            return None
        return _told(refusal) if isinstance(refusal, SeatTaken) else grpc_error(refusal)


@lru_cache(maxsize=256)
def _told(refusal: SeatTaken) -> GRPCError:
    """In a rush on a seat all get the same refusal."""
    return grpc_error(refusal)
