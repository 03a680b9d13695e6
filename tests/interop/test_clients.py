"""Clients of other projects and languages get from both servers what they ask for, with TLS and without."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from verification.interop.building import go_program
from verification.interop.callers import CALLERS, outcomes_of, said_by
from verification.interop.plans import Outcome, Plan, PlannedCall, read_outcomes, read_plan
from verification.interop.scene import calls, faults_of, opening
from verification.kit.service_process import ServiceProcess, serving
from verification.servers.certificates import Certificates, make_certificates

ENGINES = ["grpclib", "lean"]
OWN = ["grpcio", "grpclib"]
"""Those that are among our packages."""


def test_a_plan_and_its_outcomes_are_the_same_after_they_were_written() -> None:
    call = PlannedCall("/a/B", [b"\xff", b""], "chat", {"x": "y"}, 2.0)
    plan = Plan("a:1", [call], Path("ca"), None, Path("key"), 3, 2)
    assert read_plan(plan.as_json()) == plan
    outcome = Outcome(5, "none", (b"\xff",), b"d")
    assert read_outcomes(f"[[{outcome.as_json()}]]".replace("'", '"')) == [(outcome,)]


@asynccontextmanager
async def on_sale(folder: Path, engine: str, made: Certificates | None = None) -> AsyncIterator[tuple[str, Plan]]:
    """The address of a service with a trip on sale, and the plan for it."""
    variables = {"TRAVIO_SERVER": engine}
    if made is not None:
        variables |= {"TRAVIO_TLS_CERT": str(made.certificate), "TRAVIO_TLS_KEY": str(made.key)}
        variables |= {"TRAVIO_AUTH": "mtls", "TRAVIO_MTLS_CA_FILE": str(made.authority)}
        variables |= {"TRAVIO_MTLS_CALLERS": "localhost=acme read hold confirm delegate admin"}
    async with serving(folder, **variables) as service:
        opened = plan_for(service, opening(), made)
        (((outcome,),)) = (await outcomes_of("grpcio", opened),)[0]
        assert outcome.status == 0, outcome
        yield service.target, plan_for(service, calls(), made)


def plan_for(service: ServiceProcess, wanted: list[PlannedCall], made: Certificates | None) -> Plan:
    if made is None:
        return Plan(service.target, wanted)
    return Plan(service.target, wanted, made.authority, made.certificate, made.key)


@pytest.mark.once
@pytest.mark.parametrize("engine", ENGINES)
async def test_the_clients_among_our_packages_get_what_they_ask_for(tmp_path: Path, engine: str) -> None:
    async with on_sale(tmp_path, engine) as (_, plan):
        for caller in OWN:
            for outcomes in await outcomes_of(caller, plan):
                assert faults_of(outcomes) == [], caller


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("foreign_clients")
@pytest.mark.parametrize("security", ["plain", "tls"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("caller", CALLERS)
async def test_a_hundred_connections_twice_get_what_they_ask_for(
    tmp_path: Path, engine: str, caller: str, security: str
) -> None:
    made = make_certificates(tmp_path) if security == "tls" else None
    async with on_sale(tmp_path, engine, made) as (_, plan):
        many = Plan(**vars(plan) | {"connections": 100, "rounds": 2})
        answered = await outcomes_of(caller, many)
        assert len(answered) == 200
        assert [faults for outcomes in answered if (faults := faults_of(outcomes))] == []


@pytest.mark.thorough
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("foreign_clients")
@pytest.mark.parametrize("security", ["plain", "tls"])
@pytest.mark.parametrize("engine", ENGINES)
async def test_grpcurl_and_ghz_find_the_calls_by_reflection_and_make_them(
    tmp_path: Path, engine: str, security: str
) -> None:
    made = make_certificates(tmp_path) if security == "tls" else None
    async with on_sale(tmp_path, engine, made) as (address, _):
        grpcurl, ghz = (str(program) for program in await asyncio.gather(*map(built, ("grpcurl", "ghz"))))
        listed = await said_by([grpcurl, *trusting(made, "-"), address, "list"])
        assert "inventory.v1.InventoryService" in listed
        asked = '{"trip_id": "interop", "from_station_id": "S0", "to_station_id": "S1", "organization_id": "acme"}'
        method = "inventory.v1.InventoryService/GetSeatMap"
        shown = await said_by([grpcurl, *trusting(made, "-"), "-d", asked, address, method])
        assert '"s1"' in shown
        many = ["--call", method, "-d", asked, "-n", "2000", "-c", "100", "--connections", "100", "-O", "json"]
        report = json.loads(await said_by([ghz, *trusting(made, "--"), *many, address]))
        assert report["statusCodeDistribution"] == {"OK": 2_000}


async def built(name: str) -> str:
    return str(await asyncio.to_thread(go_program, name))


def trusting(made: Certificates | None, dash: str) -> list[str]:
    """The options for TLS, or for none."""
    if made is None:
        return ["-plaintext" if dash == "-" else "--insecure"]
    files = {"cacert": made.authority, "cert": made.certificate, "key": made.key}
    return [word for name, file in files.items() for word in (f"{dash}{name}", str(file))]
