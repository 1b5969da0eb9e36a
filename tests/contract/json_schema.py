"""As much of JSON Schema as `docs/asyncapi.yaml` uses, so that the contracts need no further library.

A keyword that is not known here raises: nothing that the document says may go unchecked.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

SAYS_NOTHING = {"description", "default"}
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
FORMATS: Mapping[str, Callable[[str], Any]] = {
    "date": date.fromisoformat,
    "uuid": UUID,
    "date-time": datetime.fromisoformat,
}


def resolved(document: Any, schema: Any) -> Any:
    """The schema itself, or what its `$ref` points to."""
    while "$ref" in schema:
        found = document
        for name in schema["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        schema = found
    return schema


def faults(document: Any, schema: Any, value: Any, path: str = "$") -> list[str]:
    """All that is wrong with a value, each with its place."""
    return list(_faults(document, resolved(document, schema), value, path))


def _faults(document: Any, schema: Mapping[str, Any], value: Any, path: str) -> Iterator[str]:
    for keyword, asked in schema.items():
        match keyword:
            case "type":
                if not isinstance(value, TYPES[asked]) or (isinstance(value, bool) and asked != "boolean"):
                    yield f"{path} is no {asked}"
            case "const" | "enum":
                if value not in ([asked] if keyword == "const" else asked):
                    yield f"{path} is {value!r}, not {asked!r}"
            case "pattern" | "minLength" | "format" if isinstance(value, str):
                if not _is_such_text(keyword, asked, value):
                    yield f"{path} is {value!r}: {keyword} {asked}"
            case "minimum" | "maximum" if isinstance(value, int | float):
                if value < asked if keyword == "minimum" else value > asked:
                    yield f"{path} is {value}: {keyword} {asked}"
            case "minItems" | "maxItems" if isinstance(value, list):
                if len(value) < asked if keyword == "minItems" else len(value) > asked:
                    yield f"{path} has {len(value)} items: {keyword} {asked}"
            case "items" if isinstance(value, list):
                for at, item in enumerate(value):
                    yield from faults(document, asked, item, f"{path}[{at}]")
            case "required" if isinstance(value, dict):
                yield from (f"{path}.{name} is missing" for name in asked if name not in value)
            case "properties" if isinstance(value, dict):
                for name in asked.keys() & value.keys():
                    yield from faults(document, asked[name], value[name], f"{path}.{name}")
            case "additionalProperties" if isinstance(value, dict):
                for name in value.keys() - schema.get("properties", {}).keys():
                    if asked is False:
                        yield f"{path}.{name} is not a field"
                    else:
                        yield from faults(document, asked, value[name], f"{path}.{name}")
            case "propertyNames" if isinstance(value, dict):
                for name in value:
                    yield from faults(document, asked, name, f"{path}.{name} (its name)")
            case "allOf":
                for part in asked:
                    yield from faults(document, part, value, path)
            case "anyOf":
                tried = [faults(document, part, value, path) for part in asked]
                if all(tried):
                    yield f"{path} is none of these: {'; or '.join(found[0] for found in tried)}"
            case (
                "pattern" | "minLength" | "format" | "minimum" | "maximum" | "minItems" | "maxItems" | "items"
                | "required" | "properties" | "additionalProperties" | "propertyNames"
            ):  # fmt: skip
                pass  # says something of values of another type only
            case _:
                if keyword not in SAYS_NOTHING:
                    raise NotImplementedError(f"the keyword {keyword} at {path}")


def _is_such_text(keyword: str, asked: Any, value: str) -> bool:
    if keyword == "minLength":
        return len(value) >= int(asked)
    if keyword == "pattern":
        # the document's patterns are anchored; `$` of Python would let a line feed pass
        return re.fullmatch(asked.removeprefix("^").removesuffix("$"), value) is not None
    try:
        read = FORMATS[asked](value)
    except ValueError:
        return False
    return not isinstance(read, datetime) or read.tzinfo is not None
