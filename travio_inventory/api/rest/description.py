"""The description of the HTTP faces: OpenAPI 3.1, with the problems that they answer, and the tokens of callers."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from travio_inventory.api.rest.callers import NAMED, grant_of
from travio_inventory.api.rest.examples import add_examples
from travio_inventory.api.rest.json_text import written
from travio_inventory.api.rest.problems import MEDIA_TYPE
from travio_inventory.api.rest.routes import PROBLEM, Problem

TITLE: Final = "Seat inventory"
VERSION: Final = "1.0"
PATH: Final = "/openapi.json"
FRESH_SECONDS: Final = 300
BEARER: Final = "bearer"
FOR_EVERYBODY: Final = "Needs no caller."
REFERENCE: Final = "#/components/schemas/{model}"


class Description:
    """The description as an answer. It is made once, in a thread: it takes a quarter of a second. `problems` are the
    forms of problems that routes name besides `Problem`.
    """

    def __init__(self, problems: Sequence[type[BaseModel]]) -> None:
        self._problems = problems
        self._turn = asyncio.Lock()
        self._data = b""

    async def answer(self, request: Request) -> Response:
        async with self._turn:
            if not self._data:
                self._data = await asyncio.to_thread(self._written, request.app.routes)
        headers = {"cache-control": f"public, max-age={FRESH_SECONDS}"}
        return Response(self._data, headers=headers, media_type="application/json")

    def _written(self, routes: Sequence[BaseRoute]) -> bytes:
        made = get_openapi(title=TITLE, version=VERSION, routes=routes)
        models: list[type[BaseModel]] = [Problem, *self._problems]
        _add_problems(made, {model.__name__: model for model in models})
        _add_callers(made, routes)
        _add_security(made)
        add_examples(made)
        return written(made)


def _add_problems(made: dict[str, Any], models: Mapping[str, type[BaseModel]]) -> None:
    """The forms of the answers that are problems, and those among all schemas."""
    for answer in _answers(made):
        if name := answer.pop(PROBLEM, ""):
            answer["content"] = {MEDIA_TYPE: {"schema": {"$ref": REFERENCE.format(model=models[name].__name__)}}}
    wanted: Any = [(model, "serialization") for model in models.values()]
    _, found = models_json_schema(wanted, ref_template=REFERENCE)
    made.setdefault("components", {}).setdefault("schemas", {}).update(found.get("$defs", {}))


def _answers(made: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in made["paths"].values():
        for operation in path.values():
            yield from operation["responses"].values()


def _add_callers(made: dict[str, Any], routes: Sequence[BaseRoute]) -> None:
    """What each call reads of whom it is for, and the grant that it needs."""
    for route in routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            grant = grant_of(route)
            for method in route.methods or ():
                operation = made["paths"][route.path_format][method.lower()]
                operation["description"] = f"Needs the scope `{grant.word}`." if grant else FOR_EVERYBODY
                if grant is not None:
                    operation.setdefault("parameters", []).extend(NAMED)


def _add_security(made: dict[str, Any]) -> None:
    """A bearer token, or none where the service asks for none."""
    made.setdefault("components", {})["securitySchemes"] = {
        BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    made["security"] = [{BEARER: []}, {}]
