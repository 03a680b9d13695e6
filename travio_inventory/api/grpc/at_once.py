"""HoldSeats refused as soon as its request is read, in the very bytes in which it would be refused later."""

from functools import lru_cache
from typing import Final

from google.protobuf.message import DecodeError
from grpclib.exceptions import GRPCError
from grpclib.protocol import Peer

from travio_inventory.api.auth.identity import Grant
from travio_inventory.api.auth.port import Authentication
from travio_inventory.api.grpc.callers import Callers, Metadata
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
        self._worth = Worth()

    def __call__(self, peer: Peer, metadata: Metadata, data: bytes) -> GRPCError | None:
        """The refusal of the request that these bytes are, if it is known."""
        if not self._worth.trying():
            return None
        refusal = self._known(peer, metadata, data)
        self._worth.note(is_refused=refusal is not None)
        if refusal is None:
            return None
        return _told(refusal) if isinstance(refusal, SeatTaken) else grpc_error(refusal)

    def _known(self, peer: Peer, metadata: Metadata, data: bytes) -> Refusal | None:
        try:
            caller = self._callers.known(peer, metadata, Grant.HOLD)
            if caller is None:
                return None
            return self._turn_away(*hold_asked(caller, self._read(data)))
        except (Refusal, DecodeError):
            return None


class Worth:
    """Whether it is worth trying: where seats are free every request would be read twice for nothing. So after TRIES
    that were for nothing only each ONE_OF is tried, until one is not.
    """

    TRIES: Final = 32
    ONE_OF: Final = 8

    __slots__ = ("_skipped", "_tries_left")

    def __init__(self) -> None:
        self._tries_left = self.TRIES
        self._skipped = 0

    def trying(self) -> bool:
        """Whether this one is tried."""
        if self._tries_left:
            return True
        self._skipped = (self._skipped + 1) % self.ONE_OF
        return not self._skipped

    def note(self, *, is_refused: bool) -> None:
        """What came of it."""
        if is_refused:
            self._tries_left = self.TRIES
        elif self._tries_left:
            self._tries_left -= 1


@lru_cache(maxsize=256)
def _told(refusal: SeatTaken) -> GRPCError:
    """In a rush on a seat all get the same refusal."""
    return grpc_error(refusal)
