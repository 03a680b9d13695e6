"""Kinds that others add to a cluster: their definitions, and whether a document of ours is one of them.

`custom/` has them without descriptions. `python -m verification.kubernetes.custom_kinds FILE.yaml ...` writes them
there from the definitions that KEDA 2.20 ships and that controller-gen makes of the types of the operator of
Prometheus 0.95. That of Datadog's metric is ours, after its documentation.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator

FOLDER = Path(__file__).with_name("custom")
KINDS = tuple(sorted(each.stem for each in FOLDER.glob("*.json")))


def definition(kind: str) -> dict[str, Any]:
    """The CustomResourceDefinition of a kind."""
    made: dict[str, Any] = json.loads((FOLDER / f"{kind}.json").read_text())
    return made


def faults(document: Mapping[str, Any]) -> Iterator[str]:
    """Everything that is wrong with a document of one of these kinds, unknown fields too, each with its place."""
    _, _, version = document["apiVersion"].rpartition("/")
    (schema,) = [
        each["schema"]["openAPIV3Schema"]
        for each in definition(document["kind"])["spec"]["versions"]
        if each["name"] == version
    ]
    strict = _strict(schema)
    strict["properties"] |= {"metadata": {"type": "object"}, "apiVersion": {}, "kind": {}}
    for error in Draft202012Validator(strict).iter_errors(document):
        yield f"{'.'.join(map(str, error.path)) or 'the whole'}: {error.message}"


def _strict(schema: dict[str, Any]) -> dict[str, Any]:
    """A structural schema as JSON Schema that refuses fields it does not name, as the API server does when asked to."""
    strict = {name: value for name, value in schema.items() if not name.startswith("x-")}
    if schema.get("x-kubernetes-int-or-string"):
        strict.pop("type", None)
        strict.pop("anyOf", None)
        strict["type"] = ["integer", "string"]
    if "properties" in schema:
        strict["properties"] = {name: _strict(each) for name, each in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            strict["additionalProperties"] = False
    for name in ("items", "additionalProperties"):
        if isinstance(schema.get(name), dict):
            strict[name] = _strict(schema[name])
    return strict


def _without_words(value: Any) -> Any:  # noqa: ANN401 - of any JSON
    """Without what is for people."""
    match value:
        case dict():
            return {
                name: _without_words(each)
                for name, each in value.items()
                if not (name == "description" and isinstance(each, str))
            }
        case list():
            return [_without_words(each) for each in value]
        case _:
            return value


def main(files: list[str]) -> None:
    """Write what these files define."""
    for file in files:
        made = _without_words(yaml.safe_load(Path(file).read_text()))
        made["metadata"] = {"name": made["metadata"]["name"]}
        for version in made["spec"]["versions"]:
            version.pop("additionalPrinterColumns", None)
        target = FOLDER / f"{made['spec']['names']['kind']}.json"
        target.write_text(json.dumps(made, separators=(",", ":"), sort_keys=True) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
