"""What every error answer looks like (RFC 9457), in both languages."""

import json

import pytest

from sipas.problems import KINDS, FieldError, Problem, Text


@pytest.mark.parametrize("code", KINDS)
def test_every_problem_has_type_status_and_a_title_in_both_languages(code: str) -> None:
    document = json.loads(Problem(code).body())
    titles = document["titles"]
    assert document["status"] == KINDS[code].status
    assert document["type"] == f"urn:sipas:problem:{code}"
    assert titles["vi"]
    assert titles["en"]
    assert document["title"] == f"{titles['vi']} / {titles['en']}"


def test_a_wrong_field_is_named_with_its_reason_in_both_languages() -> None:
    error = FieldError("answers.STAFF", "out-of-range", Text("phải từ 1 đến 5", "must be from 1 to 5"))
    document = json.loads(Problem("invalid", errors=[error]).body())
    assert document["errors"] == [
        {
            "field": "answers.STAFF",
            "code": "out-of-range",
            "detail": {"vi": "phải từ 1 đến 5", "en": "must be from 1 to 5"},
        }
    ]
    assert document["detail"] == "answers.STAFF: phải từ 1 đến 5 / answers.STAFF: must be from 1 to 5"


@pytest.mark.parametrize("field", ["x" * 10_000, "\ud800"], ids=["very long", "half a surrogate pair"])
def test_a_field_name_of_the_clients_making_cannot_spoil_the_answer(field: str) -> None:
    body = Problem("invalid", errors=[FieldError(field, "unknown-field", Text("lạ", "unknown"))]).body()
    assert len(body) < 1000
    assert json.loads(body)["errors"][0]["code"] == "unknown-field"
