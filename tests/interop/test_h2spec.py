"""What h2spec, strict, says of both servers."""

from pathlib import Path

import pytest

from verification.interop.h2spec import NO_CALLS, judged, read_report
from verification.kit.service_process import serving

REPORT = """<testsuites><testsuite id="1"><testcase package="generic/1"/><testcase package="generic/1"><error>x</error>
</testcase></testsuite><testsuite id="2"><testcase package="http2/2"><skipped/></testcase></testsuite></testsuites>"""
GRPCLIB_PASSES_MIN = 110
"""The library checks no headers as we have it, since it ends a connection for what is one call's fault."""


def test_a_report_is_read_case_by_case() -> None:
    verdict = read_report(REPORT)
    assert (verdict.cases, verdict.passed, verdict.skipped, set(verdict.failed)) == (3, 1, 1, {"generic/1 2"})


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("foreign_clients")
@pytest.mark.parametrize("engine", ["grpclib", "lean"])
async def test_what_h2spec_wants_holds_but_for_one_case(tmp_path: Path, engine: str) -> None:
    async with serving(tmp_path, TRAVIO_SERVER=engine) as service:
        verdict = await judged(service.port, tmp_path)
    assert (verdict.cases, verdict.skipped) == (146, 0 if engine == "lean" else 4)
    if engine == "lean":
        assert verdict.failed == NO_CALLS
    assert verdict.failed >= NO_CALLS
    assert verdict.passed >= GRPCLIB_PASSES_MIN
