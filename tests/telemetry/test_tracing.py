"""What calls pay for traces, of which few are recorded."""

import pytest
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.protocol import Peer
from multidict import MultiDict, MultiDictProxy
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.api.test_cheap_calls import CONNECTION, Counted
from travio_inventory.telemetry.sampling import Sampling
from travio_inventory.telemetry.tracing import Tracing

PATH = "/inventory.v1.InventoryService/HoldSeats"
TRACED = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
REFUSAL = GRPCError(Status.ABORTED, "contention")
WRAPPED, CLOCK, DRAW = 1, 1, 1


def refuse(_peer: Peer, _metadata: object, _data: bytes) -> GRPCError:
    """What refuses every call."""
    return REFUSAL


@pytest.mark.parametrize(("drawn", "said", "spans"), [(0.02, "", 0), (0.005, "", 1), (0.02, TRACED, 1)])
def test_a_refusal_that_is_not_recorded_pays_for_a_clock_and_a_draw(drawn: float, said: str, spans: int) -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    metadata = MultiDictProxy(MultiDict({"traceparent": said} if said else {}))
    tracing = Tracing(provider, Sampling(0.01, heeds_parent=True, draw=lambda: drawn), {})
    refuses = tracing.at_once({PATH: refuse})[PATH]
    with Counted() as untold:
        refuse(CONNECTION, metadata, b"")
    with Counted() as told:
        assert refuses(CONNECTION, metadata, b"") is REFUSAL
    assert len(exporter.get_finished_spans()) == spans
    if not spans:
        assert told.functions - untold.functions == WRAPPED + CLOCK + DRAW
