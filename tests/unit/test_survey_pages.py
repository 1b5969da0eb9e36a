"""The citizens' pages as they are rendered: what stands in them, in which order, and for whom."""

import json
import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest

import services.survey
from services.survey.assets import ASSETS, FORM_SCRIPT, KIOSK_SCRIPT, WORKER, text_of
from services.survey.languages import load_languages
from services.survey.pages import Pages, Site
from services.survey.poster_check import find_poster
from services.survey.wording import wrong
from sipas.events import Entry
from sipas.registry import Registry
from tests.survey_page import Page
from tests.survey_stack import LONG, OPEN, REVOKED, SHARED, UNKNOWN, entry, names, small_registry

LANGUAGES = load_languages()
VI = LANGUAGES["vi"]
PAGES = Pages(LANGUAGES, Site(public_url="https://khaosat.example", contact="(the setting)", hotline="1022"))
REGISTRY = Registry.fold(small_registry())
STATIC = Path(services.survey.__file__).parent / "static"


def form(code: str, registry: Registry = REGISTRY, language: str = "vi") -> str:
    return PAGES.form(registry.counters[code], registry, LANGUAGES[language]).with_token("(token)").decode()


def with_entry(one: Entry) -> Registry:
    return REGISTRY.updated([one])


# --- the form


def test_a_long_form_shows_one_factor_at_a_time_and_is_one_form() -> None:
    page = Page(form(LONG))
    assert [len(part.fieldsets) for part in page.sections("page")] == [4, 5, 6, 3, 4]
    assert (page.count("form"), page.count("button")) == (1, 1)
    assert 'class="paged"' in form(LONG)


def test_each_part_of_a_long_form_leads_to_its_neighbours() -> None:
    page = Page(form(LONG))
    assert [link for link in page.links if link.startswith("#")] == [
        *("#p1", "#p2", "#", "#p3", "#p1", "#p4", "#p2", "#p5", "#p3", "#p4"),
    ]
    assert {"p1", "p2", "p3", "p4", "p5"} <= page.ids
    assert re.findall(r"Phần (\d/\d)", form(LONG)) == ["1/5", "2/5", "3/5", "4/5", "5/5"]


@pytest.mark.parametrize("part", range(1, 10))
def test_the_style_knows_as_many_parts_as_a_form_may_have(part: int) -> None:
    assert f"#p{part}:target ~ .p{part}" in text_of("page.css")


@pytest.mark.parametrize("code", [OPEN, SHARED])
def test_a_short_form_is_one_page(code: str) -> None:
    page = form(code)
    assert "paged" not in re.sub("<style>.*</style>", "", page, flags=re.DOTALL)
    assert 'href="#' not in page


def test_a_form_that_comes_back_is_in_one_piece_and_its_summary_leads_to_each_mistake() -> None:
    text = PAGES.form_again(
        REGISTRY.counters[LONG],
        REGISTRY,
        VI,
        token="(token)",
        filled={"answers.STAFF_1": "5"},
        errors=[
            wrong("answers.PROC_2", "not-a-level"),
            wrong("agency", "choose-agency"),
            wrong("answers", "no-answer"),
        ],
    )
    page = Page(text)
    assert "paged" not in re.sub("<style>.*</style>", "", text, flags=re.DOTALL)
    assert page.checked == {"answers.STAFF_1": "5"}
    assert [link for link in page.links if link.startswith("#")] == ["#q-PROC_2", "#choice", "#answers"]
    assert {"wrong", "q-PROC_2", "answers"} <= page.ids
    assert 'id="q-PROC_2" aria-describedby="why-PROC_2"' in text
    assert 'id="why-PROC_2">Phải là' in text
    assert "<title>Phiếu chưa gửi được" in text


@pytest.mark.parametrize("code", [OPEN, SHARED, LONG])
def test_notice_and_contact_stand_before_the_first_question(code: str) -> None:
    page = form(code)
    first = page.index("<fieldset")
    assert 0 < page.index("Khảo sát ẩn danh, tự nguyện") < page.index("(the setting)") < first
    assert page.index("phỏng theo") < first


def test_a_place_says_who_is_responsible_there_and_whom_to_call() -> None:
    contact = {"vi": "Tổ một cửa, 0299", "en": "One-stop team, 0299"}
    registry = with_entry(entry("place", "trung-tam", name=names("Trung tâm"), contact=contact, hotline="0299 111"))
    counter = registry.counters[OPEN]
    assert "liên hệ: Tổ một cửa, 0299" in form(OPEN, registry)
    assert "contact: One-stop team, 0299" in form(OPEN, registry, "en")
    assert "0299 111" in PAGES.thanks(counter, registry, VI)
    assert "1022" in PAGES.thanks(REGISTRY.counters[OPEN], REGISTRY, VI)


def test_the_address_a_form_is_sent_to_is_not_its_own() -> None:
    """A browser forgets a page whose own address was posted to; going back would open another form."""
    for language in LANGUAGES:
        page = Page(form(OPEN, language=language))
        assert page.action == f"/{OPEN}?lang={language}&send=1"


def test_what_a_registry_holds_is_text_in_a_page() -> None:
    label = names("<script>alert(1)</script>")
    one = entry("counter", OPEN, label=label, agencies=["so-a"], place="trung-tam", method="quick-5@1")
    registry = with_entry(one)
    counter = registry.counters[OPEN]
    poster = find_poster(OPEN, registry)
    assert poster is not None
    for page in (form(OPEN, registry), PAGES.kiosk(counter, registry, VI), PAGES.check(poster, registry, VI)):
        assert "alert(1)" in page
        assert "<script>alert" not in page


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_field_of_a_form_has_words_and_every_group_a_legend(language: str) -> None:
    for code in (OPEN, SHARED, LONG):
        page = Page(form(code, language=language))
        assert page.unlabelled == []
        assert page.count("fieldset") == page.count("legend") > 0


# --- checking a poster


def dated(*versions: tuple[str | None, str]) -> Registry:
    """The registry with a counter OPEN that had these states from these days on."""
    common = {"label": names("Quầy 1"), "agencies": ["so-a"], "place": "trung-tam", "method": "quick-5@1"}
    history = tuple(
        {"valid_from": day, "valid_to": None, "status": status, "replaced_by": SHARED if status == "revoked" else None}
        | common
        for day, status in versions
    )
    return with_entry(Entry(kind="counter", id=OPEN, history=history))


@pytest.mark.parametrize(
    ("versions", "since"),
    [
        ([(None, "active")], None),
        ([("2026-03-01", "active")], date(2026, 3, 1)),
        ([("2026-03-01", "active"), ("2026-06-01", "active")], date(2026, 3, 1)),
        ([("2026-03-01", "active"), ("2026-10-05", "revoked")], date(2026, 10, 5)),
        ([("2026-03-01", "active"), ("2026-10-05", "revoked"), ("2026-11-01", "revoked")], date(2026, 10, 5)),
    ],
    ids=["always", "one day on", "moved since", "withdrawn", "withdrawn, then corrected"],
)
def test_a_poster_holds_since_it_became_what_it_is(versions: list[Any], since: date | None) -> None:
    poster = find_poster(OPEN, dated(*versions))
    assert poster is not None
    assert poster.since == since


def test_a_checked_poster_says_whose_it_is_and_since_when() -> None:
    registry = dated(("2026-03-01", "active"))
    poster = find_poster(f"{OPEN[:3]}-{OPEN[3:6]}-{OPEN[6:]}".lower(), registry)
    assert poster is not None
    page = PAGES.check(poster, registry, VI)
    for words in (
        "Áp phích này là thật",
        "Quầy 1",
        "Trung tâm",
        "Sở A",
        "01/03/2026",
        f"https://khaosat.example/{OPEN}",
    ):
        assert words in page
    assert "không bao giờ hỏi tiền, mã OTP" in page
    assert "None" not in page


def test_a_withdrawn_poster_says_so_and_where_the_new_one_is() -> None:
    registry = dated(("2026-03-01", "active"), ("2026-10-05", "revoked"))
    poster = find_poster(OPEN, registry)
    assert poster is not None
    page = PAGES.check(poster, registry, VI)
    assert "Áp phích này đã được thu hồi" in page
    assert "05/10/2026" in page
    assert f"/{SHARED}?lang=vi" in Page(page).links
    assert "là thật" not in page


@pytest.mark.parametrize("text", [UNKNOWN, "", "7K3M9QX2T", "đường-dây-nóng", "x" * 2000])
def test_what_is_no_code_of_ours_has_no_poster(text: str) -> None:
    assert find_poster(text, REGISTRY) is None


def test_a_revoked_code_keeps_its_poster() -> None:
    poster = find_poster(REVOKED, REGISTRY)
    assert poster is not None
    assert (poster.revoked, poster.replaced_by) == (True, REGISTRY.counters[OPEN])


# --- the kiosk


def kiosk(code: str = SHARED) -> tuple[Page, Any]:
    text = PAGES.kiosk(REGISTRY.counters[code], REGISTRY, VI)
    (texts,) = re.findall(r'<script type="application/json" id="texts">(.*?)</script>', text)
    return Page(text), json.loads(texts)


def test_a_kiosk_leads_nowhere_else() -> None:
    page, _ = kiosk()
    assert page.links == []
    assert page.count("a") == 0


def test_a_kiosk_has_five_faces_and_a_way_to_have_no_opinion() -> None:
    page, texts = kiosk()
    assert page.levels == ["1", "2", "3", "4", "5", ""]
    assert texts["languages"]["vi"]["scale"] == {
        str(c.level or ""): c.label for c in VI.questionnaires["quick-5@1"].scale
    }
    assert {"key", "begin", "next", "back", "still-there", "more-time", "language", "status"} <= page.ids


def test_a_kiosk_speaks_every_language_without_asking_the_server() -> None:
    _, texts = kiosk(LONG)
    assert list(texts["languages"]) == list(LANGUAGES)
    for code, language in LANGUAGES.items():
        spoken = texts["languages"][code]
        assert [q["text"] for q in spoken["questions"]] == [
            q.text for q in language.questionnaires["qd2640@1"].questions
        ]
        assert "(the setting)" in spoken["notice"]
    keys = {frozenset(spoken["words"]) for spoken in texts["languages"].values()}
    assert len(keys) == 1


def test_every_word_that_the_kiosks_script_shows_is_given_to_it() -> None:
    _, texts = kiosk()
    script = (STATIC / "kiosk.js").read_text(encoding="utf-8")
    page = (STATIC.parent / "templates" / "kiosk.html").read_text(encoding="utf-8")
    shown = set(re.findall(r'word\("([\w-]+)"\)|data-word="([\w-]+)"', script + page))
    assert {a or b for a, b in shown} <= set(texts["languages"]["vi"]["words"])


def test_every_status_that_the_forms_script_shows_is_in_the_page() -> None:
    script = (STATIC / "form.js").read_text(encoding="utf-8")
    told = set(re.findall(r'say\("(\w+)"\)|\? "(\w+)" : "(\w+)"\)', script))
    assert {word for found in told for word in found if word} == {"sending", "kept", "waiting", "again", "earlier"}
    assert {"sending", "kept", "waiting", "again", "earlier"} <= {
        name.removeprefix("data-") for name in Page(form(OPEN)).attributes
    }


# --- scripts and styles


def test_scripts_are_named_by_their_text_and_the_worker_by_theirs() -> None:
    assert re.fullmatch(r"/form\.[0-9a-f]{12}\.js", FORM_SCRIPT.path)
    assert re.fullmatch(r"/kiosk\.[0-9a-f]{12}\.js", KIOSK_SCRIPT.path)
    assert "immutable" in FORM_SCRIPT.cache
    assert (WORKER.path, WORKER.cache) == ("/sw.js", "no-cache")
    assert f'src="{FORM_SCRIPT.path}" defer' in form(OPEN)


@pytest.mark.parametrize("asset", ASSETS.values(), ids=lambda asset: asset.path.split(".")[0])
def test_scripts_say_nothing_to_citizens_themselves(asset: Any) -> None:
    """Their words come from the page, in its language."""
    assert asset.body.isascii()


@pytest.mark.parametrize("asset", ASSETS.values(), ids=lambda asset: asset.path.split(".")[0])
def test_scripts_ask_nobody_but_us_and_run_no_text(asset: Any) -> None:
    text = asset.body.decode()
    assert "//" not in text
    assert not re.search(r"\beval\b|Function\(|innerHTML|document\.write|cookie", text)


def test_only_the_worker_knows_a_version() -> None:
    assert b"const VERSION" in WORKER.body
    assert b"VERSION" not in FORM_SCRIPT.body + KIOSK_SCRIPT.body


def schemes() -> dict[str, dict[str, str]]:
    light, dark = re.findall(r":root \{(.*?)\}", (STATIC / "page.css").read_text(encoding="utf-8"), re.DOTALL)
    as_dict = [dict(re.findall(r"--([\w-]+): (#[0-9a-f]+)", text)) for text in (light, dark)]
    return {"light": as_dict[0], "dark": as_dict[0] | as_dict[1]}


def luminance(colour: str) -> float:
    digits = colour[1:] if len(colour) == 7 else "".join(digit * 2 for digit in colour[1:])
    channels = [int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, "contrast ratio"."""
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_can_be_read_in_daylight_and_at_night(scheme: str) -> None:
    colours = schemes()[scheme]
    for text, ground in [
        *(("ink", "paper"), ("soft", "paper"), ("deep", "paper"), ("bad", "paper"), ("on-deep", "deep")),
        *(("ink", "chosen"), ("bad", "chosen")),
    ]:
        assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)
    assert contrast(colours["line"], colours["paper"]) >= 3
