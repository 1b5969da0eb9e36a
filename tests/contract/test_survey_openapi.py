"""The survey's OpenAPI document says what the code does: the same fields, problems, patterns, and right examples."""

import json
import re
from typing import Any

import pytest

from services.survey.fields import _SHEET, CHANNEL, LANGUAGE, Answers, read_sheet
from services.survey.openapi import DESCRIPTION
from sipas.codes import normalise
from sipas.methods import load_methods
from sipas.problems import KINDS, FieldError, Problem, Text

DOCUMENT: Any = json.loads(DESCRIPTION)
SEND = DOCUMENT["paths"]["/v1/responses"]["post"]
SCHEMAS = DOCUMENT["components"]["schemas"]
SUBMISSION = SCHEMAS["Submission"]
EXAMPLES = SEND["requestBody"]["content"]["application/json"]["examples"]


def test_a_submission_has_the_fields_that_the_survey_reads() -> None:
    assert set(SUBMISSION["properties"]) == set(_SHEET.fields)
    assert set(SUBMISSION["required"]) == {name for name, field in _SHEET.fields.items() if field.required}


@pytest.mark.parametrize(("field", "pattern"), [("channel", CHANNEL), ("language", LANGUAGE)])
def test_a_pattern_is_the_surveys(field: str, pattern: str) -> None:
    assert SUBMISSION["properties"][field]["pattern"] == "^" + pattern.replace(r"\Z", "$")


@pytest.mark.parametrize("name", EXAMPLES)
def test_an_example_is_right(name: str) -> None:
    given = EXAMPLES[name]["value"]
    read, errors = read_sheet(given)
    assert errors == []
    assert set(read) == set(given)
    assert "counter" not in given or normalise(given["counter"]) == given["counter"]
    assert Answers(load_methods()[given.get("method", "quick-5@1")]).read(given["answers"])[1] == []


def described(response: Any) -> Any:
    name = response["$ref"].rpartition("/")[2] if "$ref" in response else None
    return DOCUMENT["components"]["responses"][name] if name else response


@pytest.mark.parametrize("path", DOCUMENT["paths"])
def test_every_refusal_is_a_problem_document_under_the_status_of_its_codes(path: str) -> None:
    for operation in DOCUMENT["paths"][path].values():
        for status, given in operation["responses"].items():
            if int(status) >= 400:
                response = described(given)
                assert list(response["content"]) == ["application/problem+json"]
                codes = re.findall(r"\(([a-z-]+)\)", response["description"])
                assert codes
                assert {KINDS[code].status for code in codes} == {int(status)}


def test_a_problem_has_the_members_that_are_described() -> None:
    errors = [FieldError("answers.STAFF", "not-a-level", Text("vi", "en"))]
    document = json.loads(Problem("invalid", errors=errors).body())
    assert set(document) == set(SCHEMAS["Problem"]["properties"])
    assert set(SCHEMAS["Problem"]["required"]) == set(json.loads(Problem("internal").body()))
    assert set(document["errors"][0]) == set(SCHEMAS["FieldError"]["required"])
