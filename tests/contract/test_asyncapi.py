"""`docs/asyncapi.yaml` says what the code does: topics and settings, values field by field, who writes and reads."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec
import pytest

from services.aggregator.backup.saving import SAVED
from services.notifier.drop_rule import Fact, Rule
from sipas.broker import BY_AGENCY, TOPIC_SETTINGS
from sipas.events import (
    TYPES,
    AgencyDay,
    AlertChanged,
    AlertDecided,
    Comment,
    Delivered,
    Entry,
    GenerationSwitched,
    Rebuilt,
    Response,
    ResultFrozen,
    ScoresLoaded,
    SilenceSet,
    Undelivered,
    Withheld,
)
from sipas.people import PERSON, Person
from sipas.registry import KINDS
from tests.contract.documents import ASYNCAPI, EXAMPLES, MESSAGES, ROOT, SCHEMAS
from tests.contract.json_schema import faults, resolved
from tests.contract.named_topics import topics_in

CHANNELS = ASYNCAPI["channels"]
SERVICES = ("survey", "aggregator", "notifier", "board")


# --- topics


def test_every_topic_is_described_and_no_other() -> None:
    assert set(CHANNELS) == set(TOPIC_SETTINGS)


@pytest.mark.parametrize("kind", TOPIC_SETTINGS)
def test_a_topic_has_the_name_the_partitions_and_the_settings_of_the_code(kind: str) -> None:
    split, config = TOPIC_SETTINGS[kind]
    channel = CHANNELS[kind]
    kafka = channel["bindings"]["kafka"]
    assert channel["address"] == f"{{namespace}}.{kind}.v1"
    assert channel["x-partitions"] == ("namespace" if split == BY_AGENCY else 1)
    assert kafka.get("partitions") == (None if split == BY_AGENCY else 1)
    said = {
        name: ",".join(value) if isinstance(value, list) else str(value)
        for name, value in kafka["topicConfiguration"].items()
    }
    assert said == config


# --- values


STRUCTS = (
    Response,
    Comment,
    AgencyDay,
    Rebuilt,
    AlertChanged,
    Delivered,
    AlertDecided,
    SilenceSet,
    Entry,
    GenerationSwitched,
    ResultFrozen,
    ScoresLoaded,
    Undelivered,
    Withheld,
    Fact,
    Rule,
)


@pytest.mark.parametrize("struct", STRUCTS, ids=lambda struct: struct.__name__)
def test_a_value_is_described_exactly_as_it_is_read(struct: type) -> None:
    assert plain(ASYNCAPI, SCHEMAS[struct.__name__]) == schema_of(struct)


ENTRIES: Mapping[str, tuple[type[Any], str]] = {**KINDS, PERSON: (Person, "id")}


@pytest.mark.parametrize("kind", ENTRIES)
def test_each_kind_of_entry_is_described_exactly_as_it_is_read(kind: str) -> None:
    shape, id_field = ENTRIES[kind]
    dated, own = SCHEMAS[shape.__name__]["allOf"]
    read = schema_of(shape)
    # the entry's id is in its key; a version does not repeat it
    read["properties"].pop(id_field, None)
    read["required"] -= {id_field}
    assert plain(ASYNCAPI, own) == read
    assert resolved(ASYNCAPI, dated) is SCHEMAS["Dated"]


def test_every_message_has_the_header_of_its_type() -> None:
    typed = {
        name: types.pop()
        for name, message in MESSAGES.items()
        if "headers" in message and (types := set(consts(message["headers"])))
    }
    assert set(typed.values()) == set(TYPES.values())
    assert typed["answer-sheet"] == TYPES[Response]
    assert {kind for name, kind in typed.items() if name.startswith(("registry-", "person"))} == {TYPES[Entry]}


def test_every_message_stands_on_a_topic() -> None:
    on_topics = {name for channel in CHANNELS.values() for name in channel.get("messages", {})}
    assert on_topics == set(MESSAGES)


def test_the_reasons_of_dead_letters_are_those_that_the_code_gives() -> None:
    given = {
        code.value
        for path in (ROOT / "sipas/events.py", *(ROOT / "services/aggregator").glob("*.py"))
        for call in calls(path)
        for code in call.args[:2]
        if isinstance(call.func, ast.Name) and call.func.id in {"MalformedEvent", "Rejected"}
        if isinstance(code, ast.Constant) and isinstance(code.value, str) and " " not in code.value
    }
    assert given == set(SCHEMAS["DeadLetterHeaders"]["properties"]["sipas_reason"]["enum"])


def test_every_schema_is_used() -> None:
    pointed = {ref.rpartition("/")[2] for ref in refs(ASYNCAPI) if "/schemas/" in ref}
    assert pointed == set(SCHEMAS)


# --- who writes, who reads


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_names_the_topics_that_are_said_of_it(service: str) -> None:
    said = {
        operation["channel"]["$ref"].rpartition("/")[2]
        for operation in ASYNCAPI["operations"].values()
        if operation["x-service"] == service
    }
    named = {
        kind
        for path in (ROOT / "services" / service).glob("*.py")
        for kind in topics_in(ast.parse(path.read_text(encoding="utf-8")))
    }
    only_counted = {("board", "responses")}  # the board asks for its partition count and reads no record of it
    assert named - {kind for name, kind in only_counted if name == service} == said


def test_the_backup_touches_what_it_saves() -> None:
    """Of `sipas backup` and `sipas restore`, which are no service and name topics by a table."""
    said = [
        (operation["action"], operation["channel"]["$ref"].rpartition("/")[2])
        for operation in ASYNCAPI["operations"].values()
        if operation["x-service"] == "backup"
    ]
    assert sorted(said) == sorted((action, kind) for action in ("receive", "send") for kind in SAVED)


def test_only_the_notifier_and_the_board_touch_people() -> None:
    """And the backup, which is no service: a command that a person or a job runs."""
    touching = {
        operation["x-service"]
        for operation in ASYNCAPI["operations"].values()
        if operation["channel"]["$ref"].endswith("/people")
    }
    assert touching == {"notifier", "board", "backup"}


# --- the checker of this directory


@pytest.mark.parametrize(
    ("schema", "good", "bad"),
    [
        pytest.param({"type": "integer"}, 4, True, id="a truth value is no number"),
        pytest.param({"type": "integer"}, 4, "4", id="text is no number"),
        pytest.param({"type": "number"}, 4, None, id="null is no number"),
        pytest.param({"const": "1.0"}, "1.0", "2.0", id="const"),
        pytest.param({"enum": ["a", "b"]}, "b", "c", id="enum"),
        pytest.param({"type": "string", "pattern": "^[a-z]+$"}, "abc", "abc\n", id="pattern"),
        pytest.param({"type": "string", "minLength": 1}, "a", "", id="minLength"),
        pytest.param({"type": "string", "format": "date"}, "2026-11-22", "2026-11-31", id="date"),
        pytest.param({"format": "date-time"}, "2026-11-22T03:15:00Z", "2026-11-22T03:15:00", id="time zone"),
        pytest.param({"format": "uuid"}, "3f0e7a52-9c1b-4d6e-8f3a-5b2c7d9e1a04", "3f0e", id="uuid"),
        pytest.param({"type": "integer", "minimum": 1, "maximum": 5}, 5, 6, id="maximum"),
        pytest.param({"type": "integer", "minimum": 1, "maximum": 5}, 1, 0, id="minimum"),
        pytest.param({"type": "array", "minItems": 2, "maxItems": 2}, [1, 2], [1], id="minItems"),
        pytest.param({"type": "array", "minItems": 2, "maxItems": 2}, [1, 2], [1, 2, 3], id="maxItems"),
        pytest.param({"items": {"type": "string"}}, ["a"], ["a", 1], id="items"),
        pytest.param({"required": ["a"]}, {"a": None}, {"b": 1}, id="required"),
        pytest.param({"properties": {"a": {"type": "string"}}}, {"a": "", "b": 1}, {"a": 1}, id="properties"),
        pytest.param({"properties": {"a": {}}, "additionalProperties": False}, {"a": 1}, {"b": 1}, id="no others"),
        pytest.param({"additionalProperties": {"type": "integer"}}, {"a": 1}, {"a": "1"}, id="others"),
        pytest.param({"propertyNames": {"pattern": "^[A-Z]+$"}}, {"A": 1}, {"a": 1}, id="propertyNames"),
        pytest.param({"allOf": [{"type": "string"}, {"minLength": 1}]}, "a", "", id="allOf"),
        pytest.param({"anyOf": [{"type": "string"}, {"type": "null"}]}, None, 1, id="anyOf"),
        pytest.param({"$ref": "#/components/schemas/Version"}, [0, 7], [0], id="$ref"),
    ],
)
def test_the_checker_tells_good_from_bad(schema: Any, good: Any, bad: Any) -> None:
    assert faults(ASYNCAPI, schema, good) == []
    assert faults(ASYNCAPI, schema, bad)


def test_the_checker_refuses_a_keyword_that_it_does_not_know() -> None:
    with pytest.raises(NotImplementedError, match="uniqueItems"):
        faults(ASYNCAPI, {"uniqueItems": True}, [])


def test_there_is_an_example_of_every_message() -> None:
    shown = {
        name
        for example in EXAMPLES.values()
        for name in CHANNELS[example.topic]["messages"]
        if not faults(ASYNCAPI, MESSAGES[name]["payload"], example.document)
    }
    assert shown == set(MESSAGES)


# --- reading both sides


def schema_of(struct: type) -> dict[str, Any]:
    """What msgspec says of a struct, in the form of `plain`."""
    (schema,), components = msgspec.json.schema_components([struct])
    made: dict[str, Any] = plain({"$defs": components}, schema)
    return made


def plain(document: Any, schema: Any) -> Any:
    """A schema without references, words and order, so that two ways of writing the same are equal."""
    schema = resolved(document, schema)
    made: dict[str, Any] = {}
    for keyword, asked in schema.items():
        match keyword:
            case "description" | "title":
                pass
            case "required" | "enum":
                made[keyword] = set(asked)
            case "default" if isinstance(asked, tuple):
                made[keyword] = list(asked)
            case "properties":
                made[keyword] = {name: plain(document, part) for name, part in asked.items()}
            case "anyOf":
                made[keyword] = sorted((plain(document, part) for part in asked), key=repr)
            case "prefixItems":  # a pair of equal parts
                (made["items"],) = {repr(part): plain(document, part) for part in asked}.values()
            case "items" if asked is False:
                pass
            case "items" | "additionalProperties" | "propertyNames":
                made[keyword] = plain(document, asked)
            case _:
                made[keyword] = asked
    if "enum" in made:
        made.pop("type", None)
    if made.get("type") == "object" and "properties" in made:
        made.setdefault("required", set())
    return made


def consts(schema: Any) -> Iterator[str]:
    schema = resolved(ASYNCAPI, schema)
    kind = schema.get("properties", {}).get("ce_type", {})
    if "const" in kind:
        yield kind["const"]
    for part in schema.get("allOf", ()):
        yield from consts(part)


def refs(part: Any) -> Iterator[str]:
    if isinstance(part, Mapping):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from refs(value)
    elif isinstance(part, list):
        for value in part:
            yield from refs(value)


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call))
