"""What calls over Connect and gRPC-Web are told where neither is served: it needs no library of theirs."""

import json
from typing import Final
from urllib.parse import quote

from grpclib.const import Status
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from travio_inventory.api.grpc.service import SERVICE

PATH: Final = f"/{SERVICE}/{{method}}"
END_OF_STREAM: Final = b"\2"
"""The flags of the last part of a stream of Connect, which says how it ended."""


def not_served(why: str) -> Route:
    """Where the methods would be: each call ends as one that is not implemented, in the words of its protocol."""
    said = f"Connect and gRPC-Web are not served here: {why}"
    error = {"code": "unimplemented", "message": said}
    ended = json.dumps({"error": error}).encode()

    async def refuse(request: Request) -> Response:
        form = request.headers.get("content-type", "").lower()
        if form.startswith("application/grpc-web"):
            status = {"grpc-status": str(Status.UNIMPLEMENTED.value), "grpc-message": quote(said, safe=" ':[]=")}
            return Response(headers=status, media_type=form)
        if form.startswith("application/connect+"):
            return Response(END_OF_STREAM + len(ended).to_bytes(4, "big") + ended, media_type=form)
        return Response(json.dumps(error), 501, media_type="application/json")

    return Route(PATH, refuse, methods=["GET", "POST"], include_in_schema=False)
