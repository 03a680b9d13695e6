"""How the page and the element are served: what browsers are told about them."""

import gzip
import re
from collections.abc import AsyncIterator

import httpx
import pytest

from travio_inventory.app.service import running
from travio_inventory.ui import PAGES, STOCK, web_files
from verification.kit.in_process import settings_of

MODULE = "/ui/seat-map.js"


@pytest.fixture(scope="module")
async def web() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the HTTP listener."""
    async with (
        running(settings_of(http_host="127.0.0.1", http_port=0), only="http") as app,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{app.http_port}") as client,
    ):
        yield client


async def test_the_element_is_a_module_that_is_read_once_until_it_changes(web: httpx.AsyncClient) -> None:
    answer = await web.get(MODULE)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/javascript; charset=utf-8"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = await web.get(MODULE, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert (await web.get(MODULE, headers={"if-none-match": '"another"'})).status_code == 200


async def test_it_may_be_loaded_by_pages_from_elsewhere(web: httpx.AsyncClient) -> None:
    assert (await web.get(MODULE)).headers["cross-origin-resource-policy"] == "cross-origin"


async def test_it_is_sent_compressed_where_that_is_asked_for(web: httpx.AsyncClient) -> None:
    plain = await web.get(MODULE, headers={"accept-encoding": "identity"})
    async with web.stream("GET", MODULE, headers={"accept-encoding": "gzip"}) as answer:
        assert answer.headers["content-encoding"] == "gzip"
        assert answer.headers["vary"] == "Accept-Encoding"
        zipped = b"".join([part async for part in answer.aiter_raw()])
    assert gzip.decompress(zipped) == plain.content
    assert len(zipped) < len(plain.content) / 3


async def test_the_page_may_run_nothing_but_our_own_files(web: httpx.AsyncClient) -> None:
    answer = await web.get("/")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["cache-control"] == "no-cache"
    policy = answer.headers["content-security-policy"].split("; ")
    assert {"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} <= set(policy)
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "no-referrer"


def test_the_page_has_nothing_inline() -> None:
    for name in PAGES:
        page = web_files()[name].data.decode()
        assert re.findall(r"<script(?![^>]*\bsrc=)|<style|\bstyle=|\bon\w+=|javascript:", page) == []


async def test_all_that_the_page_loads_is_there_and_no_other_file(web: httpx.AsyncClient) -> None:
    page = (await web.get("/")).text
    loaded = re.findall(r'(?:href|src)="(/[^"]+)"', page)
    assert MODULE in loaded
    for path in [*loaded, *(f"/ui/{name}" for name in web_files() if name not in PAGES)]:
        assert (await web.get(path)).status_code == 200, path
    for path in ("/ui/index.html", f"/ui/{STOCK}", "/ui/__init__.py", "/ui/none.js", "/ui/..%2f__init__.py"):
        assert (await web.get(path)).status_code == 404, path


def test_no_text_is_ever_taken_for_html_or_code() -> None:
    scripts = [file.data.decode() for name, file in web_files().items() if name.endswith(".js")]
    assert len(scripts) == 7
    unsafe = (
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|setAttribute\(\"(?:on|style)"
    )
    assert [found for text in scripts for found in re.findall(unsafe, text)] == []
