"""`sipas backtest`: the recorded cases through the command itself, and what it makes of files as offices keep them."""

import io
import json
from datetime import date
from importlib.resources import files
from pathlib import Path
from string import Formatter
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from openpyxl import Workbook
from PIL import Image

from services.notifier.backtest import backtest, events
from services.notifier.backtest_command import backtest as command
from services.notifier.backtest_plot import HEIGHT, WIDTH
from services.notifier.backtest_summary import lines
from services.notifier.drop_rule import Day, Rule, fold
from services.notifier.history_file import History, read_histories, read_settings
from sipas.cli import main

DATA = Path(__file__).parent.parent / "data"
CASES = DATA / "drop-cases.csv"
EXPECTED = DATA / "drop-cases-expected.jsonl"
EVENT = ["case", "day", "event", "since", "evidence", "before", "after", "n"]
HEADER = "case,day,responses,satisfied"


def run(*arguments: str | Path, code: int = 0) -> Result:
    done = CliRunner().invoke(command, [str(argument) for argument in arguments])
    assert done.exit_code == code, done.output
    return done


def printed(done: Result) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def as_expected(event: dict) -> dict:
    """The event with the names and fields of the expected file."""
    kept = {
        "possible": ("since", "evidence", "before", "after", "n"),
        "confirmed": ("evidence",),
        "recovered": ("after", "n"),
    }[event["event"]]
    renamed = {"after": "level"} if event["event"] == "recovered" else {}
    return {"day": event["day"], "event": event["event"]} | {renamed.get(name, name): event[name] for name in kept}


def days_of(*means: float, responses: int = 40) -> tuple[Day, ...]:
    return tuple(Day(at, responses, responses * mean) for at, mean in enumerate(means))


def read(text: str, name: str = "days.csv") -> tuple[list[History], list[str]]:
    histories, faults = read_histories(text.encode(), name)
    return histories, [str(fault) for fault in faults]


@pytest.fixture(scope="module")
def of_cases() -> dict[str, list[dict]]:
    done = CliRunner().invoke(main, ["backtest", str(CASES), "--settings", str(EXPECTED), "--json"])
    assert done.exit_code == 0, done.output
    by_case: dict[str, list[dict]] = {}
    for event in printed(done):
        by_case.setdefault(event["case"], []).append(event)
    return by_case


class TestTheRecordedCases:
    @pytest.mark.parametrize(
        "case", [json.loads(line) for line in EXPECTED.read_text().splitlines()], ids=lambda case: case["case"]
    )
    def test_give_their_events_to_a_millionth(self, of_cases: dict[str, list[dict]], case: dict) -> None:
        found = [as_expected(event) for event in of_cases.get(case["case"], [])]
        assert [event.keys() for event in found] == [event.keys() for event in case["events"]]
        for event, expected in zip(found, case["events"], strict=True):
            assert [event.pop("event"), event.pop("day")] == [expected["event"], expected["day"]]
            assert event == pytest.approx({name: expected[name] for name in event}, abs=1e-6, rel=0)

    def test_give_events_of_exactly_these_fields(self, of_cases: dict[str, list[dict]]) -> None:
        assert {tuple(event) for found in of_cases.values() for event in found} == {tuple(EVENT)}

    @pytest.mark.parametrize(
        ("case", "options"),
        [
            ("case-00", ("--target", "0.8")),
            ("case-00", ("--target", "80")),
            ("case-03", ("--unit", "2.9")),
            ("case-08", ("--smallest-drop", "0.03")),
            ("case-08", ("--smallest-drop", "3")),
            ("case-05", ("--false-alarm-days", "2600")),
        ],
    )
    def test_give_the_same_when_their_settings_are_options(
        self, of_cases: dict[str, list[dict]], case: str, options: tuple[str, ...], tmp_path: Path
    ) -> None:
        rows = [line for line in CASES.read_text().splitlines() if line.startswith(f"{case},")]
        (tmp_path / "one.csv").write_text("\n".join([HEADER, *rows]))
        assert printed(run(tmp_path / "one.csv", "--json", *options)) == of_cases.get(case, [])


class TestAHistory:
    def test_is_judged_as_the_rule_folds_it(self) -> None:
        days = days_of(*[0.9] * 40, *[0.5] * 20, *[0.95] * 20)
        result = backtest(History("a", days, dated=False), Rule())
        assert result.told == fold(lambda _: Rule(), days)[1]
        assert [one["event"] for one in events(result)] == ["possible", "confirmed", "recovered"]

    def test_in_which_nothing_falls_gives_no_event(self) -> None:
        result = backtest(History("a", days_of(*[0.9] * 60), dated=False), Rule())
        assert (list(events(result)), result.judged_days) == ([], 50)

    def test_without_any_day_is_said_to_have_none(self) -> None:
        result = backtest(History("a", (), dated=True), Rule())
        assert next(lines([result])) == "a: no day with answers"

    def test_too_short_to_learn_from_is_said_to_be_so(self) -> None:
        result = backtest(History("a", days_of(*[0.9] * 5), dated=False), Rule())
        assert any("too short" in line for line in lines([result]))

    def test_gets_a_follow_up_where_the_alert_is_open_on_its_tenth_reporting_day(self) -> None:
        for fallen, follow_ups in ((8, 0), (20, 1)):
            days = days_of(*[0.9] * 40, *[0.3] * fallen, *[0.99] * 3)
            result = backtest(History("a", days, dated=False), Rule())
            assert (result.count("possible"), result.follow_ups) == (1, follow_ups)


class TestTheSummary:
    def test_counts_alerts_a_year_and_what_each_leader_would_have_received(self) -> None:
        fallen = History("fallen", days_of(*[0.9] * 40, *[0.5] * 20, *[0.95] * 305), dated=False)
        quiet = History("quiet", days_of(*[0.9] * 365), dated=False)
        said = "\n".join(lines([backtest(fallen, Rule()), backtest(quiet, Rule())]))
        assert "2 histories, together 2.0 years" in said
        assert "1 alert (0.50 a year and agency), 1 confirmed, 1 recovered; 1 without any" in said
        assert "the head of the unit would have received 4 messages" in said
        assert "the department 2: 1 confirmed, 1 recovered of those" in said

    def test_says_the_level_before_and_after_with_intervals(self) -> None:
        days = days_of(*[0.9] * 40, *[0.5] * 3)
        said = list(lines([backtest(History("a", days, dated=False), Rule())]))
        assert said[1].startswith("  41  possible: 50.0 % [")
        assert "below the normal 90.0 % [" in said[1]

    def test_says_the_same_in_vietnamese(self) -> None:
        first = date(2026, 1, 5).toordinal()
        means = [0.9] * 40 + [0.5] * 3
        days = tuple(Day(first + at, 40, 40 * mean) for at, mean in enumerate(means))
        said = list(lines([backtest(History("xa-mau", days, dated=True), Rule())], "vi"))
        assert said[0] == "xa-mau: 43 ngày có phiếu, từ 05/01/2026 đến 16/02/2026, 1.720 phiếu"
        assert said[1].startswith("  15/02/2026  có thể giảm: 50,0 % [")
        assert "thấp hơn mức thường thấy 90,0 % [" in said[1]
        assert "  người đứng đầu đơn vị lẽ ra đã nhận 2 tin:" in said

    def test_has_the_same_words_and_facts_in_both_languages(self) -> None:
        words = yaml.safe_load(files("services.notifier").joinpath("backtest.yaml").read_text("utf-8"))
        assert fields_of(words["vi"]) == fields_of(words["en"])


def fields_of(words: Any) -> Any:
    """The words with nothing but the names of what is filled in."""
    if isinstance(words, dict):
        return {name: fields_of(part) for name, part in words.items()}
    if isinstance(words, list):
        return [fields_of(part) for part in words]
    return sorted(name for _, name, _, _ in Formatter().parse(words) if name)


class TestAFile:
    def test_of_agencies_and_dates_as_excel_writes_it_is_read(self) -> None:
        content = (
            "\ufeffAgency;Day;note;Responses;Satisfied\r\nso-y-te;2026-11-23;;10;8,5\r\nso-y-te;2026-11-20;;4;4\r\n"
        )
        histories, faults = read(content)
        assert faults == []
        [history] = histories
        assert [(history.shown(day.day), day.responses, day.satisfied) for day in history.days] == [
            ("2026-11-20", 4, 4),
            ("2026-11-23", 10, 8.5),
        ]

    def test_may_be_a_workbook(self) -> None:
        workbook, file = Workbook(), io.BytesIO()
        for row in (["case", "day", "responses", "satisfied"], ["a", 1, 10, 8.5], ["a", 2, 10, 9]):
            workbook.active.append(row)
        workbook.save(file)
        histories, faults = read_histories(file.getvalue(), "days.xlsx")
        assert faults == []
        assert histories == [History("a", (Day(1, 10, 8.5), Day(2, 10, 9)), dated=False)]

    def test_has_no_reporting_day_where_nobody_answered(self) -> None:
        histories, _ = read(f"{HEADER}\na,1,0,0\na,2,3,3\n")
        assert histories == [History("a", (Day(2, 3, 3),), dated=False)]

    @pytest.mark.parametrize(
        ("row", "said"),
        [
            ("a,22/11/2026,10,8", "column day: '22/11/2026' may be read in two ways; write the year first"),
            ("a,2026-02-30,10,8", "column day: '2026-02-30' is no day of the calendar"),
            ("a,yesterday,10,8", "column day: 'yesterday' must be a date such as"),
            ("a,-3,10,8", "column day: '-3' must be a date such as"),
            ("a,,10,8", "column day: is empty"),
            (",3,10,8", "column case: is empty"),
            ("a,3,1.234,8", "column responses: '1.234' must be a whole number"),
            ("a,3,ten,8", "column responses: 'ten' must be a whole number"),
            ("a,3,10,-1", "column satisfied: '-1' must be a number"),
            ("a,3,10,nan", "column satisfied: 'nan' must be a number"),
            ("a,3,10,11", "column satisfied: 11 is more than the 10 responses"),
            ("a,1,10,8", "column day: a has this day already in row 2"),
            ("a,2026-11-22,10,8", "column day: is a date, but earlier days of a are not"),
            ("a,3,10,8,9", "more cells than the header"),
        ],
    )
    def test_with_a_bad_row_is_refused_with_row_field_and_reason(self, row: str, said: str) -> None:
        histories, [fault] = read(f"{HEADER}\na,1,10,8\n{row}\n")
        assert histories == []
        assert fault.startswith("days.csv:3: ")
        assert said in fault

    @pytest.mark.parametrize(
        ("header", "said"),
        [
            ("day,responses,satisfied", "the column case is missing (or call it agency)"),
            ("case,agency,day,responses,satisfied", "the column case stands beside agency"),
            ("case,day,responses", "the column satisfied is missing"),
            ("case,day,day,responses,satisfied", "the column day stands there twice"),
        ],
    )
    def test_without_its_columns_is_refused(self, header: str, said: str) -> None:
        histories, faults = read(f"{header}\na,1,10,8,8\n")
        assert (histories, len(faults)) == ([], 1)
        assert said in faults[0]

    def test_of_settings_that_are_no_json_objects_is_refused_by_line(self) -> None:
        said = b'{"case": "a", "settings": {}}\n{"case": "a", "settings": {}}\n[]\n{\n'
        assert [fault.spot.line for fault in read_settings(said, "s.jsonl")[1]] == [2, 3, 4]


class TestTheCommand:
    def test_judges_nothing_where_one_row_is_bad(self, tmp_path: Path) -> None:
        (tmp_path / "bad.csv").write_text(CASES.read_text() + "case-01,22/11/2026,3,1\n")
        done = run(tmp_path / "bad.csv", "--json", "--plot", tmp_path / "out.png", code=1)
        assert done.stdout == ""
        assert "column day" in done.stderr
        assert "nothing was judged" in done.stderr
        assert not (tmp_path / "out.png").exists()

    @pytest.mark.parametrize("option", [("--target", "150"), ("--unit", "0"), ("--smallest-drop", "x")])
    def test_calls_a_wrong_option_wrong_use(self, option: tuple[str, str]) -> None:
        run(CASES, *option, code=2)

    def test_names_the_case_whose_settings_are_wrong(self, tmp_path: Path) -> None:
        (tmp_path / "s.jsonl").write_text('{"case": "case-04", "settings": {"laag": 3}}')
        assert "settings of case-04" in run(CASES, "--settings", tmp_path / "s.jsonl", code=1).stderr

    @pytest.mark.parametrize("language", ["vi", "en"])
    def test_draws_a_panel_for_each_history(self, tmp_path: Path, language: str) -> None:
        rows = [line for line in CASES.read_text().splitlines() if line.startswith(("case-02,", "edge-rough,"))]
        (tmp_path / "two.csv").write_text("\n".join([HEADER, *rows]))
        run(tmp_path / "two.csv", "--plot", tmp_path / "out.png", "--language", language)
        with Image.open(tmp_path / "out.png") as picture:
            assert picture.size == (WIDTH, 2 * HEIGHT)
            colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 24)}
        assert {(0xB4, 0x53, 0x09), (0xB9, 0x1C, 0x1C), (0x15, 0x80, 0x3D)} <= colours
