"""Methods are data: what the shipped ones say, and what a wrong file is told."""

import hashlib
import json
import re
from collections import Counter
from dataclasses import fields, is_dataclass
from importlib.resources import files

import pytest
import yaml

import sipas.methods
from sipas.index import index_of, percent
from sipas.methods import LEVELS, MethodError, Text, load_methods, parse_method
from sipas.tally import Tally, sheet_fields

METHODS = load_methods()
every_method = pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())


def texts(value):
    """Give every text of a method, wherever it stands."""
    if isinstance(value, Text):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from texts(part)
    elif is_dataclass(value):
        for field in fields(value):
            yield from texts(getattr(value, field.name))


def test_the_package_ships_one_question_five_eight_and_twenty_two():
    assert {key: len(method.codes) for key, method in METHODS.items()} == {
        "nd118@1": 8,
        "overall-1@1": 1,
        "qd2640@1": 22,
        "quick-5@1": 5,
    }


def test_the_full_questionnaire_has_its_criteria_by_factor():
    """QĐ 2640/QĐ-BNV: 5 factors, 22 criteria (domain facts, section 1.2)."""
    method = METHODS["qd2640@1"]
    counted = Counter(criterion.factor for criterion in method.criteria)
    assert counted == {"ACCESS": 4, "PROC": 5, "STAFF": 6, "RESULT": 3, "FEEDBACK": 4}
    assert [factor.name for factor in method.factors] == [factor.name for factor in METHODS["quick-5@1"].factors]
    assert all(criterion.source in {"quoted", "recalled"} for criterion in method.criteria)
    assert {c.code for c in method.criteria if c.source == "quoted"} == {
        "ACCESS_1", "ACCESS_2", "PROC_1", "PROC_5", "STAFF_1", "STAFF_3", "STAFF_4", "STAFF_6", "FEEDBACK_4",
    }  # fmt: skip


RELEASED = {
    "nd118@1": "afc0d194ae2deb920a092581ef10e3c6e675fe0b2b20bbf16695f46cfad4c758",
    "overall-1@1": "728d7f55dd8be734ed37bbfec2fef1d2dd1e409d158cb8c086598f9380ec0cbd",
    "qd2640@1": "05f3f67f1ae642f5b497dbb211b2aa52a501a6e33faca28c1fdce6d3f884ab13",
    "quick-5@1": "0649463dd7e59e9a78ac436e09483401a91919b03b50f7dd45a9362576a8734c",
}
"""Version -> SHA-256 of what its file says, comments and layout aside."""


@pytest.mark.parametrize("method_id", METHODS)
def test_a_released_version_never_changes(method_id):
    """The log holds answers to it: another wording or formula is another version, with a line of its own above."""
    document = yaml.safe_load((files(sipas.methods) / f"{method_id}.yaml").read_text(encoding="utf-8"))
    said = json.dumps(document, ensure_ascii=False, sort_keys=True)
    assert hashlib.sha256(said.encode()).hexdigest() == RELEASED[method_id]


def test_the_five_factors_carry_their_official_names():
    assert [factor.name.vi for factor in METHODS["quick-5@1"].factors] == [
        "Tiếp cận dịch vụ hành chính công",
        "Thủ tục hành chính",
        "Công chức trực tiếp giải quyết công việc",
        "Kết quả cung ứng dịch vụ hành chính công",
        "Tiếp nhận, giải quyết góp ý, phản ánh, kiến nghị",
    ]


def test_a_method_is_known_by_name_and_version():
    method = METHODS["quick-5@1"]
    assert (method.id, method.name, method.version) == ("quick-5@1", "quick-5", 1)


@every_method
def test_the_scale_is_the_official_one_and_no_opinion(method):
    assert [(choice.level, choice.label.vi) for choice in method.scale] == [
        (1, "Rất không hài lòng"),
        (2, "Không hài lòng"),
        (3, "Bình thường"),
        (4, "Hài lòng"),
        (5, "Rất hài lòng"),
        (None, "Không sử dụng / Không có ý kiến"),
    ]


@every_method
def test_the_page_says_that_it_is_modelled_on_the_decision_and_not_the_national_survey(method):
    assert "khảo sát của địa phương, phỏng theo" in method.about.vi
    assert "2640/QĐ-BNV" in method.about.vi
    assert "không phải là chỉ số do Bộ Nội vụ công bố" in method.about.vi
    assert "modelled on" in method.about.en
    assert "not the national index" in method.about.en


@every_method
def test_our_figure_is_never_called_by_the_ministrys_name(method):
    assert not [text for text in texts(method) if re.search("sipas", f"{text.vi} {text.en}", re.IGNORECASE)]


@every_method
def test_the_notice_promises_anonymity_and_says_that_a_form_cannot_be_found_again(method):
    assert "ẩn danh, tự nguyện" in method.notice.vi
    assert "không thu thập họ tên" in method.notice.vi
    assert "không thể tìm lại" in method.notice.vi


@every_method
def test_a_method_can_be_counted_and_scored(method):
    tally = Tally.from_fields(dict.fromkeys(sheet_fields(dict.fromkeys(method.codes, 4)), 1))
    assert percent(tally, method) == 100
    index = index_of(tally, agency="a", method=method, period="2026", as_of=None)
    assert (index.method, index.aggregation) == (method.id, "pooled")


def test_a_mean_of_factors_pools_the_criteria_of_a_factor():
    document = shipped()
    document["aggregation"] = "mean_of_factors"
    document["criteria"][1]["factor"] = "ACCESS"
    document["factors"] = [factor for factor in document["factors"] if factor["code"] != "PROC"]
    tally = Tally(counts={"ACCESS": (0, 0, 0, 0, 30, 0), "PROC": (0, 10, 0, 0, 0, 0), "STAFF": (0, 1, 0, 0, 0, 0)})
    assert percent(tally, parse(document)) == (75 + 0) / 2


def shipped():
    return yaml.safe_load(files(sipas.methods).joinpath("quick-5@1.yaml").read_text(encoding="utf-8"))


def parse(document, name="quick-5@1.yaml"):
    return parse_method(yaml.safe_dump(document, allow_unicode=True), name)


def set_at(path, value):
    def change(document):
        *way, last = path
        for step in way:
            document = document[step]
        document[last] = value

    return change


def drop_at(*path):
    def change(document):
        *way, last = path
        for step in way:
            document = document[step]
        del document[last]

    return change


@pytest.mark.parametrize(
    ("change", "says"),
    [
        pytest.param(drop_at("title"), "title is missing", id="a text missing"),
        pytest.param(drop_at("title", "en"), "title.en is missing", id="a language missing"),
        pytest.param(set_at(["notice", "vi"], " "), "notice.vi is a text that is not empty", id="an empty text"),
        pytest.param(set_at(["about"], "text"), "about is a mapping with en, vi", id="one text for two languages"),
        pytest.param(set_at(["weights"], {}), "weights is not known here", id="an unknown key"),
        pytest.param(set_at(["id"], "quick-5"), "'quick-5' is not name@version", id="an id without a version"),
        pytest.param(set_at(["id"], "quick-5@2"), "is called quick-5@2.yaml", id="an id that is not the file's"),
        pytest.param(set_at(["aggregation"], "mean"), "'mean' is none of pooled", id="an unknown aggregation"),
        pytest.param(
            set_at(["criteria", 0, "source"], "heard"), "criteria[1].source 'heard' is none of", id="a source"
        ),
        pytest.param(set_at(["criteria", 0, "code"], "access"), "'access' is not a code", id="a code in small letters"),
        pytest.param(
            set_at(["criteria", 1, "code"], "ACCESS"), "criteria ACCESS stands there twice", id="a code twice"
        ),
        pytest.param(
            set_at(["criteria", 1, "factor"], "ACCESS"), "factors PROC has no criterion", id="an unused factor"
        ),
        pytest.param(
            set_at(["criteria", 1, "factor"], "OTHER"), "factor OTHER is not among the factors", id="an unknown factor"
        ),
        pytest.param(set_at(["criteria"], []), "criteria is a list with at least one entry", id="no criteria"),
        pytest.param(set_at(["criteria", 2], "STAFF"), "criteria[3] is a mapping", id="a criterion that is a word"),
        pytest.param(drop_at("scale", 5), "scale has the levels", id="a scale without no-opinion"),
        pytest.param(set_at(["scale", 0, "level"], True), "scale[1].level is a number", id="true is not a level"),
        pytest.param(set_at(["scale", 0, "level"], 5), "scale has the levels", id="a level twice"),
    ],
)
def test_a_fault_is_told_with_its_place(change, says):
    document = shipped()
    change(document)
    with pytest.raises(MethodError) as error:
        parse(document)
    assert [problem for problem in error.value.problems if says in problem]
    assert all(problem.startswith("quick-5@1.yaml: ") for problem in error.value.problems)


def test_the_shipped_method_has_no_fault():
    assert parse(shipped()) == METHODS["quick-5@1"]


def test_all_faults_of_all_files_are_told_at_once(tmp_path):
    broken = shipped()
    del broken["title"], broken["notice"]
    (tmp_path / "quick-5@1.yaml").write_text(yaml.safe_dump(broken), encoding="utf-8")
    (tmp_path / "other-1@1.yaml").write_text("id: [", encoding="utf-8")
    (tmp_path / "README").write_text("not a method", encoding="utf-8")
    with pytest.raises(MethodError) as error:
        load_methods(tmp_path)
    assert len(error.value.problems) == 3
    assert "title is missing" in str(error.value)
    assert "other-1@1.yaml" in str(error.value)


def test_a_key_written_twice_is_a_fault():
    """YAML alone would let the second win."""
    with pytest.raises(MethodError, match="written twice: id"):
        parse_method("id: a@1\nid: b@1\n", "a@1.yaml")


def test_a_file_that_is_no_mapping_is_a_fault():
    with pytest.raises(MethodError, match="the file is a mapping with"):
        parse_method("- a\n- b\n", "a@1.yaml")


def test_methods_cannot_be_added_while_running():
    with pytest.raises(TypeError):
        METHODS["mine@1"] = METHODS["quick-5@1"]


def test_levels_are_those_that_a_tally_can_hold():
    for level in LEVELS:
        assert sheet_fields({"A": level, "B": 1})
