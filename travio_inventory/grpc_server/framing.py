"""How a gRPC call is written in HTTP/2: its headers, and the prefix of each message."""

from typing import Final

Headers = list[tuple[str, str]]

CONTENT_TYPE: Final = "application/grpc"
PREFIX_BYTES: Final = 5
"""Of each message: a flag for compression, and four for the length."""
SMALL_FRAME_BYTES: Final = 1_024
"""DATA below this, in the middle of a message, costs as much as a control frame and is counted as one."""
