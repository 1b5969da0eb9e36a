"""The quick yes of msgspec against the marshmallow schemas, which are what holds."""

import string
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.survey.fields import Answers, judge_sheet, read_sheet
from sipas.methods import load_methods

METHOD = load_methods()["quick-5@1"]
ANSWERS = Answers(METHOD)

TEXT = st.text(st.characters(exclude_categories=()), max_size=12)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)
LEVELS = st.integers(0, 6) | st.sampled_from([None, True, 4.0, "4", 5, 3])
GIVEN_ANSWERS = st.dictionaries(st.sampled_from([*METHOD.codes, "OTHER"]), LEVELS, max_size=6)
WORDS = st.text(string.ascii_lowercase + "-", max_size=22) | st.sampled_from(["vi", "en", "vi\n", "kiosk-1", "Vi"])
UUIDS = st.uuids().flatmap(lambda one: st.sampled_from([str(one), one.hex, f"{{{one}}}", one.urn, str(one).upper()]))
DAYS = st.dates().map(str) | st.datetimes().map(str) | st.sampled_from(["2026-W47", "20261122", "2026-11-22 "])
COMMENTS = st.text(max_size=30) | st.sampled_from(
    ["x" * 1000, "x" * 1001, "e\u0302" * 1001, " " * 4001, "\r\n", "\ud800"]
)
SHEETS = st.fixed_dictionaries(
    {"answers": GIVEN_ANSWERS | ANYTHING},
    optional={
        "response_id": UUIDS | ANYTHING,
        "counter": ANYTHING,
        "agency": ANYTHING,
        "sector": ANYTHING,
        "method": ANYTHING,
        "answered_on": DAYS | ANYTHING,
        "channel": WORDS | ANYTHING,
        "language": WORDS | ANYTHING,
        "assisted": ANYTHING,
        "form_token": ANYTHING,
        "comment": COMMENTS | ANYTHING,
        "phone": ANYTHING,
    },
)


@given(SHEETS | ANYTHING)
def test_a_sheet_is_read_as_the_schema_reads_it(document: Any) -> None:
    assert read_sheet(document) == judge_sheet(document)


@given(GIVEN_ANSWERS | ANYTHING)
def test_answers_are_read_as_the_schema_reads_them(answers: Any) -> None:
    quick, errors = ANSWERS.read(answers)
    judged, judged_errors = ANSWERS.judge(answers)
    assert (quick, errors) == (judged, judged_errors)
    assert [type(level) for level in quick.values()] == [type(judged[code]) for code in quick]
