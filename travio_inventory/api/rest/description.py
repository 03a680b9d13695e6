"""The description of the HTTP faces: OpenAPI 3.1, with the problems that they answer, and the tokens of callers."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.routing import BaseRoute

from travio_inventory.api.rest.callers import NAMED, grant_of
from travio_inventory.api.rest.examples import add_examples
from travio_inventory.api.rest.problems import MEDIA_TYPE
from travio_inventory.api.rest.routes import PROBLEM, Problem

TITLE: Final = "Seat inventory"
VERSION: Final = "1.0"
BEARER: Final = "bearer"
REFERENCE: Final = "#/components/schemas/{model}"


def described(app: FastAPI, problems: Sequence[type[BaseModel]]) -> dict[str, Any]:
    """The description, made once; the forms of problems that routes name are among `problems`."""
    if app.openapi_schema is None:
        made = get_openapi(title=TITLE, version=VERSION, routes=app.routes)
        models: list[type[BaseModel]] = [Problem, *problems]
        _add_problems(made, {model.__name__: model for model in models})
        _add_callers(made, app.routes)
        _add_security(made)
        add_examples(made)
        app.openapi_schema = made
    return app.openapi_schema


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
        if isinstance(route, APIRoute) and (grant := grant_of(route)) is not None:
            for method in route.methods or ():
                operation = made["paths"][route.path_format][method.lower()]
                operation.setdefault("parameters", []).extend(NAMED)
                operation["description"] = f"Needs the scope `{grant.word}`."


def _add_security(made: dict[str, Any]) -> None:
    """A bearer token, or none where the service asks for none."""
    made.setdefault("components", {})["securitySchemes"] = {
        BEARER: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    }
    made["security"] = [{BEARER: []}, {}]
