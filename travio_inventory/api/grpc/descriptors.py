"""The compiled wire contract: the types that decode requests, and the data for reflection."""

from functools import cache
from importlib.resources import files

from google.protobuf import any_pb2, duration_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2
from grpclib.health.v1 import health_pb2
from grpclib.reflection.v1 import reflection_pb2
from grpclib.reflection.v1alpha import reflection_pb2 as reflection_alpha_pb2


@cache
def pool() -> DescriptorPool:
    """Every service that is served and every message it speaks, the details of its refusals included."""
    known = DescriptorPool()
    compiled = FileDescriptorSet.FromString(files("travio_inventory.wire").joinpath("descriptors.binpb").read_bytes())
    for file in compiled.file:
        known.Add(file)
    details = any_pb2, duration_pb2, status_pb2, error_details_pb2
    for module in (health_pb2, reflection_pb2, reflection_alpha_pb2, *details):
        known.Add(FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    return known


@cache
def message_type(name: str) -> type[Message]:
    """The type that decodes messages of that name, of `inventory.v1` where it names no package. Raises KeyError where
    there is none.

    It is Google's and not the generated one, whose decoder takes a string for a number and the other way
    round, copies all unknown fields again at each of them, and needs a hundred times as long.
    """
    return GetMessageClass(pool().FindMessageTypeByName(name if "." in name else f"inventory.v1.{name}"))


class ReflectedPool:
    """The pool for reflection, with protobuf's method names."""

    def FindFileByName(self, name: str) -> FileDescriptor:  # noqa: N802
        """Raises KeyError."""
        return pool().FindFileByName(name)

    def FindFileContainingSymbol(self, symbol: str) -> FileDescriptor:  # noqa: N802
        """The file that defines the name, also of a method, which protobuf's pool does not find. Raises KeyError."""
        try:
            return pool().FindFileContainingSymbol(symbol)
        except KeyError:
            return pool().FindMethodByName(symbol).containing_service.file

    def FindMessageTypeByName(self, name: str) -> Descriptor:  # noqa: N802
        """Raises KeyError."""
        return pool().FindMessageTypeByName(name)

    def FindExtensionByNumber(self, message: Descriptor, number: int) -> FieldDescriptor:  # noqa: N802
        """Raises KeyError."""
        return pool().FindExtensionByNumber(message, number)

    def FindAllExtensions(self, message: Descriptor) -> list[FieldDescriptor]:  # noqa: N802
        return pool().FindAllExtensions(message)
