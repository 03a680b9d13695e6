"""Serves the pages at `/`, `/docs` and `/stock`, and what they load at `/ui`: they change with a release only."""

from typing import Annotated, Final

from fastapi import APIRouter, Header
from starlette.exceptions import HTTPException
from starlette.responses import Response

from travio_inventory.api.rest.compression import GZIP, accepts_gzip
from travio_inventory.ui import CALLS, PAGE, PAGES, STOCK, WebFile, web_files

UI_PATH: Final = "/ui"
CALLS_PATH: Final = "/docs"
STOCK_PATH: Final = "/stock"
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
"""Of the page: nothing from elsewhere, nothing inline, and no text is ever taken for HTML."""
FRESH_SECONDS: Final = 300
"""So long a browser may use the element without asking whether it is still the same."""


def pages_router(*, with_stock: bool = True) -> APIRouter:
    """Needs no identity: there is nothing in them but code. `/stock` is there where stock is."""
    router = APIRouter(include_in_schema=False)
    known = web_files()

    @router.api_route("/", methods=["GET", "HEAD"])
    async def page(
        if_none_match: Annotated[str, Header()] = "", accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        return _page(known[PAGE], if_none_match, accept_encoding)

    @router.api_route(CALLS_PATH, methods=["GET", "HEAD"])
    async def calls(
        if_none_match: Annotated[str, Header()] = "", accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        return _page(known[CALLS], if_none_match, accept_encoding)

    if with_stock:

        @router.api_route(STOCK_PATH, methods=["GET", "HEAD"])
        async def stock(
            if_none_match: Annotated[str, Header()] = "", accept_encoding: Annotated[str, Header()] = ""
        ) -> Response:
            return _page(known[STOCK], if_none_match, accept_encoding)

    @router.api_route(UI_PATH + "/{name}", methods=["GET", "HEAD"])
    async def file(
        name: str, if_none_match: Annotated[str, Header()] = "", accept_encoding: Annotated[str, Header()] = ""
    ) -> Response:
        if name in PAGES or name not in known:
            raise HTTPException(404, "there is no such file")
        return _answer(known[name], if_none_match, accept_encoding)

    return router


def _page(file: WebFile, if_none_match: str, accept_encoding: str) -> Response:
    answer = _answer(file, if_none_match, accept_encoding)
    answer.headers["content-security-policy"] = POLICY
    answer.headers["cache-control"] = "no-cache"
    return answer


def _answer(file: WebFile, if_none_match: str, accept_encoding: str) -> Response:
    headers = {
        "etag": file.etag,
        "cache-control": f"public, max-age={FRESH_SECONDS}",
        "cross-origin-resource-policy": "cross-origin",
        "vary": "Accept-Encoding",
    }
    if file.etag in if_none_match:
        return Response(status_code=304, headers=headers)
    data = file.data
    if accepts_gzip(accept_encoding):
        headers["content-encoding"] = GZIP
        data = file.zipped
    return Response(data, headers=headers, media_type=file.media_type)
