"""The compiled wire contract: the types that requests are decoded as, and what reflection tells."""

from functools import cache
from importlib.resources import files

from google.protobuf.descriptor_pb2 import FileDescriptorProto, FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpclib.health.v1 import health_pb2
from grpclib.reflection.v1 import reflection_pb2
from grpclib.reflection.v1alpha import reflection_pb2 as reflection_alpha_pb2


@cache
def pool() -> DescriptorPool:
    """Every service that is served and every message it speaks."""
    known = DescriptorPool()
    compiled = FileDescriptorSet.FromString(files("travio_inventory.wire").joinpath("descriptors.binpb").read_bytes())
    for file in compiled.file:
        known.Add(file)
    for module in (health_pb2, reflection_pb2, reflection_alpha_pb2):
        known.Add(FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    return known


@cache
def message_type(name: str) -> type[Message]:
    """The type that decodes messages of that name of `inventory.v1`. Raises KeyError where there is none.

    It is Google's and not the generated one, whose decoder takes a string for a number and the other way
    round, copies all unknown fields again at each of them, and needs a hundred times as long.
    """
    return GetMessageClass(pool().FindMessageTypeByName(f"inventory.v1.{name}"))
