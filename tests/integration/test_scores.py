"""From a file of published figures to the scoreboard: the commands, Kafka, a board that follows, its API and its page.

Of `published-scores.csv` the rows that say so are published figures; the others are made up to fill their blocks.
"""

import json
import re
import urllib.error
import urllib.request
import uuid
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from playwright.sync_api import Browser

from sipas.broker import Log
from sipas.events import Entry
from tests.browser.axe import violations
from tests.integration.board_stack import PARTITIONS
from tests.integration.command_line import Run, sipas
from tests.integration.test_board_process import Stack
from tests.servers import KafkaServer, RedisServer, wait_until

PUBLISHED = Path(__file__).parents[1] / "data/published-scores.csv"
HEADER = "scheme;year;unit;block;points;maximum;method;source;bands;target"


class Scores:
    """A board with its aggregator, and `sipas scores` beside it."""

    def __init__(self, stack: Stack, kafka: KafkaServer) -> None:
        self.stack, self._bootstrap = stack, kafka.bootstrap
        self.run: Run = sipas({**stack.settings, "SIPAS_DEMO": "true"}, "scores")

    def table(self, **query: str) -> Any:
        return self.stack.get(f"/v1/scoreboard?{urlencode(query)}")

    def line(self, unit: str, **query: str) -> Any:
        return next(line for line in self.table(**query)["lines"] if line["unit"] == unit)

    def page(self, **query: str) -> str:
        with urllib.request.urlopen(f"{self.stack.address}/scoreboard?{urlencode(query)}", timeout=30) as answer:
            return str(answer.read().decode())

    def recorded(self) -> int:
        """Where the topic of results ends."""
        log = Log([self._bootstrap])
        try:
            return log.bounds(self.stack.topics.results)[0][1]
        finally:
            log.close()

    def wait_for(self, version: int, **query: str) -> Any:
        wait_until(lambda: version in self.versions(**query), what=f"version {version} of {query}")
        return self.table(**query)

    def versions(self, **query: str) -> list[int]:
        try:
            return [self.table(**query)["version"]]
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return []
            raise


@pytest.fixture(scope="module")
def scores(kafka: KafkaServer, redis_server: RedisServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scores]:
    stack = Stack(kafka, redis_server, f"t{uuid.uuid4().hex[:10]}", tmp_path_factory.mktemp("scores"))
    facts = {"timezone": "Asia/Ho_Chi_Minh", "partitions": PARTITIONS, "demo": True}
    stack.enter(Entry(kind="namespace", id="facts", history=(facts,)))
    try:
        for service in (stack.board, stack.aggregator):
            service.env = {**(service.env or {}), "SIPAS_DEMO": "true"}
            service.start()
        made = Scores(stack, kafka)
        # the board runs already: what is loaded from here on it has to follow
        assert "9 tables recorded" in made.run("load", str(PUBLISHED)).stdout
        made.wait_for(1, scheme="DDCI", year="2023")
        yield made
    finally:
        stack.board.kill()
        stack.aggregator.kill()
        stack.publisher.close()


def told(line: Any, *fields: str) -> list[Any]:
    return [line["band"]["vi"] if field == "band" else line[field] for field in fields]


def test_the_published_figures_come_out(scores: Scores) -> None:
    good = scores.line("Đông Hà", scheme="Chỉ số CCHC", year="2023", block="quang-tri")
    assert told(good, "points", "maximum", "band", "points_change", "met") == [93.36, 100, "Tốt", 8.7, True]

    fair = scores.line("Đơn vị công bố", scheme="Chỉ số CCHC", year="2023", block="binh-thuan")
    assert told(fair, "points", "maximum", "ratio", "band") == [74.2, 97, 76.49, "Khá"]
    assert told(fair, "rank", "of", "points_change", "rank_change") == [2, 10, 4.5, 0]
    assert told(fair, "target", "met") == ["top 3/10", True]

    lines = scores.table(scheme="Chỉ số CCHC", year="2021", block="da-nang-so-nganh")["lines"]
    assert told(lines[0], "unit", "points", "ratio", "rank", "of") == ["Đơn vị dẫn đầu", 101.69, 101.69, 1, 21]
    assert Counter(line["band"]["vi"] for line in lines) == {"Xuất sắc": 4, "Tốt": 12, "Khá": 5}

    last = scores.table(scheme="Chỉ số CCHC", year="2021", block="da-nang-khoi-5")["lines"][-1]
    assert told(last, "points", "band", "rank", "of") == [67.92, "Trung bình khá", 5, 5]

    up = scores.line("Đơn vị tăng hạng", scheme="DDCI", year="2023")
    assert told(up, "rank", "of", "rank_change", "met") == [4, 12, 8, False]

    archive = Counter(line["band"]["vi"] for line in scores.table(scheme="Xếp loại lưu trữ")["lines"])
    assert [archive[band] for band in ("Xuất sắc", "Tốt", "Khá", "Trung bình", "Yếu")] == [7, 11, 10, 15, 2]


def test_the_ministrys_series_is_there_under_its_own_label_and_breaks_in_2022(scores: Scores) -> None:
    found = scores.stack.get(f"/v1/scoreboard/series?{urlencode({'scheme': 'SIPAS', 'unit': 'Việt Nam'})}")
    assert found["label"]["vi"] == "SIPAS (Bộ Nội vụ công bố)"
    assert [line["year"] for line in found["series"]] == [*range(2017, 2025)]
    assert [line["year"] for line in found["series"] if line["breaks"]] == [2022]
    assert [told(line, "points_change") for line in found["series"][-3:]] == [[None], [2.58], [1.28]]
    assert scores.table(scheme="SIPAS", block="cac-tinh")["version"] == 0


def test_beside_an_agency_stands_our_own_index_of_that_year_and_in_no_other_number(
    scores: Scores, tmp_path: Path
) -> None:
    file = tmp_path / "ours.csv"
    # as Excel in Vietnamese writes it: a byte order mark, semicolons, decimal commas
    file.write_text(
        f"{HEADER}\nDDCI;2026;so-noi-vu;so;88,5;100;m;Nguồn;;≥ 90 %\nDDCI;2026;so-y-te;so;90;;m;Nguồn;;\n",
        encoding="utf-8-sig",
    )
    assert "2 units are agencies" in scores.run("load", str(file)).stdout
    scores.stack.answer(10)
    wait_until(
        lambda: (scores.line("so-noi-vu", year="2026", scheme="DDCI")["local"] or {}).get("responses") == 10,
        what="our own index",
    )
    line = scores.line("so-noi-vu", year="2026", scheme="DDCI")
    assert told(line, "points", "ratio", "rank", "met") == [88.5, 88.5, 2, False]
    assert line["name"]["vi"] == "Sở Nội vụ"
    assert (line["local"]["percent"], line["local"]["period"]) == (50.0, "2026")
    assert scores.line("so-y-te", year="2026", scheme="DDCI")["local"] is None
    page = scores.page(scheme="DDCI", year="2026", block="so")
    assert "phỏng theo QĐ 2640/QĐ-BNV" in page
    assert "10 phiếu" in page


def test_the_same_again_records_nothing_and_a_change_is_a_linked_version_with_a_reason(
    scores: Scores, tmp_path: Path
) -> None:
    where = {"scheme": "PAPI", "year": "2024", "block": "tinh"}
    file = tmp_path / "papi.csv"
    rows = [f"PAPI;2024;Khánh {name};tinh;{points};80;;Nguồn;;" for name, points in (("Hoà", "43,1"), ("An", "40"))]
    file.write_text("\n".join([HEADER, *rows]))
    scores.run("load", str(file))
    first = scores.wait_for(1, **where)
    assert [line["unit"] for line in first["lines"]] == ["Khánh Hòa", "Khánh An"]
    end = scores.recorded()
    # the same numbers, otherwise written and in another order
    file.write_text("\n".join([HEADER, rows[1], rows[0].replace("Hoà;tinh;43,1", "Hòa;tinh;43.10")]))
    assert "nothing to record" in scores.run("load", str(file)).stdout

    file.write_text("\n".join([HEADER, rows[0].replace("43,1", "44"), rows[1]]))
    assert "Khánh Hòa: points 43.1 → 44" in scores.run("diff", str(file)).stdout
    assert "--reason" in scores.run("load", str(file), code=1).stderr
    assert scores.recorded() == end
    scores.run("load", str(file), "--reason", "Đính chính của nguồn")
    second = scores.wait_for(2, **where)
    assert (second["previous"], second["reason"]) == (first["sha256"], "Đính chính của nguồn")
    assert second["lines"][0]["points"] == 44
    assert "Đính chính của nguồn" in scores.page(**where)
    versions = [one for one in json.loads(scores.run("export", "--json").stdout) if one["scheme"] == "PAPI"]
    assert [(one["version"], one["lines"][1]["points"]) for one in versions] == [(1, "43.1"), (2, "44")]


def test_one_wrong_cell_and_nothing_is_recorded(scores: Scores, tmp_path: Path) -> None:
    end = scores.recorded()
    file = tmp_path / "wrong.csv"
    rows = ["PCI;2024;Một;x;80;100;;Nguồn;;", "PCI;2025;Hai;x;80,0,0;100;;Nguồn;;", "PCI;2025;Ba;x;7;100;;Nguồn;;top"]
    file.write_text("\n".join([HEADER, *rows]))
    assert "wrong.csv:3: column points" in scores.run("load", str(file), code=1).stderr
    assert scores.recorded() == end
    assert scores.versions(scheme="PCI") == []


def test_what_is_exported_loads_again_and_changes_nothing(scores: Scores, tmp_path: Path) -> None:
    workbook, text = tmp_path / "scores.xlsx", tmp_path / "scores.csv"
    scores.run("export", "--xlsx", str(workbook))
    text.write_text(scores.run("export").stdout)
    for file in (workbook, text):
        assert "the scores are as the file says" in scores.run("diff", str(file)).stdout


def test_made_up_scores_stay_out_of_a_real_namespace(kafka: KafkaServer, namespace: str) -> None:
    settings = {"SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap, "SIPAS_NAMESPACE": namespace, "SIPAS_PARTITIONS": "3"}
    run = sipas(settings)
    run("topics", "create", SIPAS_DEMO="false")
    assert "is not a demo" in run("scores", "load", str(PUBLISHED), code=1, SIPAS_DEMO="false").stderr


def test_the_page_says_changes_and_targets_in_words_and_bands_in_the_readers_language(scores: Scores) -> None:
    where = {"scheme": "DDCI", "year": "2023", "block": "so-nganh-12"}
    page = " ".join(re.sub(r"<[^>]+>", " ", scores.page(**where)).split())
    assert "+30,00 điểm" in page
    assert "▲ tăng 8 bậc" in page
    assert "top 3/12 ✗ chưa đạt" in page
    good = {"scheme": "Chỉ số CCHC", "year": "2023", "block": "quang-tri"}
    assert "Good" in scores.page(lang="en", **good)
    assert "✓" in scores.page(**good)
    assert "Tốt" in scores.page(**good)


def test_the_page_has_no_script_and_its_form_may_only_ask_the_board(scores: Scores) -> None:
    with urllib.request.urlopen(f"{scores.stack.address}/scoreboard", timeout=30) as answer:
        page, headers = answer.read().decode(), answer.headers
    assert "<script" not in page
    assert "style=" not in page
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert '<a href="/scoreboard">' in urllib.request.urlopen(scores.stack.address, timeout=30).read().decode()


def test_a_choice_that_does_not_go_together_gets_the_nearest_table_on_the_page_and_404_from_the_api(
    scores: Scores,
) -> None:
    assert '<option value="2023" selected>' in scores.page(scheme="DDCI", year="1999", block="so-nganh-12")
    for query in ({"scheme": "DDCI", "year": "1999"}, {"scheme": "nothing"}):
        assert scores.versions(**query) == []
    with pytest.raises(urllib.error.HTTPError, match="404"):
        scores.page(scheme="nothing")
    with pytest.raises(urllib.error.HTTPError, match="422"):
        scores.table(year="last")


@pytest.mark.parametrize(("lang", "width"), [("vi", 360), ("en", 1280)])
def test_axe_finds_nothing_on_the_page_and_nothing_stands_out_of_the_screen(
    scores: Scores, browser: Browser, lang: str, width: int
) -> None:
    page = browser.new_page(viewport={"width": width, "height": 800})
    query = {"scheme": "Chỉ số CCHC", "year": "2023", "block": "binh-thuan", "unit": "Đơn vị công bố", "lang": lang}
    page.goto(f"{scores.stack.address}/scoreboard?{urlencode(query)}")
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.close()
