"""Tools that know nothing of the contract find it by reflection: every method, and the details of a refusal."""

from collections.abc import AsyncIterator

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorProto
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpclib.client import Channel
from grpclib.reflection.v1.reflection_grpc import ServerReflectionStub
from grpclib.reflection.v1.reflection_pb2 import ServerReflectionRequest, ServerReflectionResponse
from grpclib.reflection.v1alpha.reflection_grpc import ServerReflectionStub as AlphaStub
from grpclib.reflection.v1alpha.reflection_pb2 import ServerReflectionRequest as AlphaRequest

from tests.client.service import kinds_of
from tests.client.test_refusals import an_example_of
from travio_inventory.api.grpc.refusals import grpc_error
from travio_inventory.api.grpc.service import SERVICE
from travio_inventory.kernel.refusals import Refusal
from verification.kit.service_process import ServiceProcess


class Explorer:
    """Learns files by reflection alone, as grpcurl and ghz do: by a symbol, and then all that its file imports."""

    def __init__(self, channel: Channel) -> None:
        self._stub = ServerReflectionStub(channel)
        self._alpha = AlphaStub(channel)
        self.pool = DescriptorPool()
        self._known: set[str] = set()

    async def services(self) -> list[str]:
        answer = await self._ask(ServerReflectionRequest(list_services="*"))
        return [service.name for service in answer.list_services_response.service]

    async def learn(self, symbol: str) -> None:
        """Raises KeyError if there is no such symbol."""
        await self._take(await self._ask(ServerReflectionRequest(file_containing_symbol=symbol)), symbol)

    async def is_known_to_old_tools(self, symbol: str) -> bool:
        """Whether the older reflection service finds it too."""
        (answer,) = await self._alpha.ServerReflectionInfo([AlphaRequest(file_containing_symbol=symbol)])
        return bool(answer.HasField("file_descriptor_response"))

    async def _take(self, answer: ServerReflectionResponse, asked: str) -> None:
        if not answer.HasField("file_descriptor_response"):
            raise KeyError(asked)
        for raw in answer.file_descriptor_response.file_descriptor_proto:
            file = FileDescriptorProto.FromString(raw)
            if file.name in self._known:
                continue
            self._known.add(file.name)
            for imported in file.dependency:
                await self._take(await self._ask(ServerReflectionRequest(file_by_filename=imported)), imported)
            self.pool.Add(file)

    async def _ask(self, request: ServerReflectionRequest) -> ServerReflectionResponse:
        (answer,) = await self._stub.ServerReflectionInfo([request])
        return answer

    def read(self, name: str, data: bytes) -> Message:
        return GetMessageClass(self.pool.FindMessageTypeByName(name)).FromString(data)


@pytest.fixture
async def explorer(shared: ServiceProcess) -> AsyncIterator[Explorer]:
    channel = Channel("127.0.0.1", shared.port)
    yield Explorer(channel)
    channel.close()


async def test_every_method_is_found_by_its_own_name(explorer: Explorer) -> None:
    services = await explorer.services()
    assert SERVICE in services
    for service in services:
        await explorer.learn(service)
        for method in explorer.pool.FindServiceByName(service).methods:
            await explorer.learn(method.full_name)
            assert await explorer.is_known_to_old_tools(method.full_name)


@pytest.mark.parametrize("symbol", [f"{SERVICE}.HoldSeat", "inventory.v1", "inventory.v1.Nothing", "", ".", "a.b.c"])
async def test_what_is_not_there_is_not_found(explorer: Explorer, symbol: str) -> None:
    with pytest.raises(KeyError):
        await explorer.learn(symbol)
    assert not await explorer.is_known_to_old_tools(symbol)


async def test_the_details_of_every_refusal_can_be_read(explorer: Explorer) -> None:
    await explorer.learn("google.rpc.Status")
    reasons = set()
    kinds = list(kinds_of(Refusal))
    for kind in kinds:
        status = explorer.read("google.rpc.Status", grpc_error(an_example_of(kind)).details)
        for detail in status.details:  # type: ignore[attr-defined]
            name = detail.type_url.rpartition("/")[2]
            await explorer.learn(name)
            read = explorer.read(name, detail.value)
            assert read.ListFields()
            reasons.add(getattr(read, "reason", ""))
    assert {kind.reason for kind in kinds} <= reasons
