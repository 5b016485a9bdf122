"""A document against the published JSON Schema, with complaints a person can act on."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from opsportal.packs.documents import Document, FieldPath, Problem

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import ValidationError

SCHEMA_FILE: Final = Path(__file__).parent / "schema" / "pack.schema.json"


@cache
def _validator(name: str) -> "Draft202012Validator":
    from jsonschema import Draft202012Validator  # only who checks a pack loads it

    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    return Draft202012Validator({"$ref": f"#/$defs/{name}", "$defs": schema["$defs"]})


def schema_problems(document: Document, definition: str) -> Iterator[Problem]:
    """Everything in `document` that its definition in pack.schema.json refuses."""
    for error in _validator(definition).iter_errors(document.data):
        path: FieldPath = tuple(error.absolute_path)
        for extra, message in _messages(error):
            yield document.problem((*path, *extra), message)


def _messages(error: "ValidationError") -> Iterator[tuple[FieldPath, str]]:
    schema: Any = error.schema
    if "x-message" in schema:
        yield (), schema["x-message"]
    elif error.validator == "additionalProperties" and isinstance(error.instance, dict):
        for name in sorted(set(error.instance) - set(schema.get("properties", ()))):
            yield (name,), "is not a field that is known here"
    elif error.validator == "required":
        yield (), error.message.replace("is a required property", "is missing")
    elif error.validator == "enum":
        yield (), f"must be one of {', '.join(map(str, schema['enum']))}"
    else:
        yield (), error.message[:200]
