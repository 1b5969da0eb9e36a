"""Comments on a real Kafka: beside their sheets, never joined to them, redacted before anything is written."""

import json
import re
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import pytest

from sipas.broker import partition_of
from sipas.events import Comment, decode_comment, midnight_ms
from tests.integration.command_line import FORKED
from tests.integration.test_board_process import Service
from tests.integration.test_survey import FORM, GOOD, in_log
from tests.servers import KafkaServer, RedisServer, free_port, wait_until
from tests.survey_page import Page
from tests.survey_stack import OPEN, SUBMIT_KEY, Answer, Survey, records, set_up_namespace, small_registry

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
PERSONAL = "Gọi 0912 345 678, CCCD 001099012345, thư nguyen.van.a@gmail.com"
REDACTED = "Gọi [số điện thoại], CCCD [số giấy tờ], thư [thư điện tử]"
SECRET = re.compile(rb"0912[ .]?345|001099012345|nguyen\.van")


@pytest.fixture(scope="module")
def survey(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    namespace = f"t{uuid.uuid4().hex[:10]}"
    set_up_namespace(kafka.bootstrap, namespace, small_registry())
    with Survey(kafka.bootstrap, namespace, tmp_path_factory.mktemp("survey")) as running:
        yield running


def comments(kafka: KafkaServer, survey: Survey) -> list[Comment]:
    return [decode_comment(record.value) for record in records(kafka.bootstrap, survey.namespace, "comments")]


def post(survey: Survey, fields: dict[str, str]) -> Answer:
    return survey.ask("POST", f"/{OPEN}", urlencode(fields).encode(), FORM)


def test_a_comment_is_in_its_topic_when_the_client_is_thanked(kafka: KafkaServer, survey: Survey) -> None:
    text = f"Chờ lâu {uuid.uuid4().hex[:6]}"
    answer = survey.submit(GOOD | {"comment": f" {text}\r\n"}, SUBMIT_KEY)
    assert (answer.status, answer.json["status"]) == (202, "accepted")
    (found,) = (one for one in comments(kafka, survey) if one.text == text)
    assert (found.agency, found.counter) == ("so-a", OPEN)
    assert answer.json["response_id"] in in_log(kafka, survey)
    assert text not in str(in_log(kafka, survey)[answer.json["response_id"]])


def test_nothing_of_its_record_leads_to_the_sheet(kafka: KafkaServer, survey: Survey) -> None:
    response_id = survey.submit(GOOD | {"comment": "một mình"}, SUBMIT_KEY).json["response_id"]
    record = next(r for r in records(kafka.bootstrap, survey.namespace, "comments") if "một mình".encode() in r.value)
    comment, said = decode_comment(record.value), dict(record.headers)
    assert set(json.loads(record.value)) == {"id", "agency", "counter", "day", "text"}
    assert set(said) == {"ce_specversion", "ce_id", "ce_type", "ce_source", "ce_time", "content-type"}
    assert (record.key, record.partition) == (b"so-a", partition_of("so-a", 3))
    assert said["ce_id"].decode() == str(comment.id) != response_id
    assert said["ce_time"].decode() == f"{comment.day}T00:00:00Z"
    assert record.timestamp == midnight_ms(comment.day, ZONE)
    assert comment.day == in_log(kafka, survey)[response_id].answered_on


def test_the_form_has_a_box_for_it_and_sent_twice_it_is_one_comment(kafka: KafkaServer, survey: Survey) -> None:
    page = survey.ask("GET", f"/{OPEN}").text
    assert 'maxlength="1000"' in page
    assert "Vui lòng không ghi thông tin cá nhân" in page
    sent = Page(page).fields | {"answers.ACCESS": "4", "comment": "hai lần"}
    assert [post(survey, sent).status for _ in range(2)] == [303, 303]
    ids = [one.id for one in comments(kafka, survey) if one.text == "hai lần"]
    assert len(ids) == 2
    assert len(set(ids)) == 1


def test_a_form_that_comes_back_keeps_what_was_written(survey: Survey) -> None:
    form = Page(survey.ask("GET", f"/{OPEN}").text).fields
    answer = post(survey, form | {"comment": "\n<b>Chậm</b> & đông"})
    assert answer.status == 422
    assert "<textarea" in answer.text
    assert ">\n\n&lt;b&gt;Chậm&lt;/b&gt; &amp; đông</textarea>" in answer.text


def test_a_comment_that_is_too_long_is_told_at_its_box(survey: Survey) -> None:
    form = Page(survey.ask("GET", f"/{OPEN}").text).fields
    answer = post(survey, form | {"answers.ACCESS": "4", "comment": "dài " * 300})
    assert answer.status == 422
    assert 'href="#comment"' in answer.text
    assert answer.text.count("Góp ý không được quá 1.000 ký tự") == 2


def test_a_thousand_letters_of_three_bytes_fit_into_a_form(kafka: KafkaServer, survey: Survey) -> None:
    form = Page(survey.ask("GET", f"/{OPEN}").text).fields
    assert post(survey, form | {"answers.ACCESS": "4", "comment": "ệ" * 1000}).status == 303
    assert "ệ" * 1000 in {one.text for one in comments(kafka, survey)}


def test_an_empty_comment_is_no_record(kafka: KafkaServer, survey: Survey) -> None:
    before = len(comments(kafka, survey))
    assert survey.submit(GOOD | {"comment": " \n"}, SUBMIT_KEY).status == 202
    assert len(comments(kafka, survey)) == before


# --- nothing personal is written down


def bytes_below(directory: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in sorted(directory.rglob("*")) if path.is_file())


def test_what_a_citizen_writes_of_a_person_is_written_down_nowhere(tmp_path: Path, namespace: str) -> None:
    """Read are the bytes on the disk: Kafka's whole data directory, where nothing is compressed, Redis's that counts
    the answers, the spool, and what each of them logs.
    """
    with KafkaServer(tmp_path / "kafka") as kafka, RedisServer(tmp_path / "redis") as redis:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        port = free_port()
        settings = {
            "SIPAS_NAMESPACE": namespace,
            "SIPAS_KAFKA_BOOTSTRAP": kafka.bootstrap,
            "SIPAS_REDIS_URL": redis.url,
            "SIPAS_AGGREGATOR_ADMIN": f"127.0.0.1:{port}",
        }
        with (
            Service("aggregator", tmp_path / "aggregator", port, settings) as aggregator,
            Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey,
        ):
            form = Page(survey.ask("GET", f"/{OPEN}").text).fields
            assert survey.submit(GOOD | {"comment": PERSONAL}, SUBMIT_KEY).json["status"] == "accepted"
            assert post(survey, form | {"answers.ACCESS": "4", "comment": PERSONAL}).status == 303
            assert survey.submit(GOOD | {"comment": PERSONAL * 40}, SUBMIT_KEY).status == 422
            assert survey.submit(GOOD | {"answers": {}, "comment": PERSONAL}, SUBMIT_KEY).status == 422
            kafka.pause()
            assert survey.submit(GOOD | {"comment": PERSONAL}, SUBMIT_KEY).json["status"] == "spooled"
            spooled = bytes_below(survey.spool)
            assert REDACTED.encode() in spooled
            kafka.resume()
            wait_until(lambda: survey.metric("sipas_survey_spool_records") == 0, what="the spool to be drained")
            wait_until(lambda: b"so-a" in bytes_below(redis.data), what="an answer in Redis")
            metrics = survey.admin("/metrics").body
        kafka.stop()
        on_disk = bytes_below(kafka.data)
        assert on_disk.count(REDACTED.encode()) >= 3
        logs = (survey.log + aggregator.log + kafka.log).encode()
        for where in (on_disk, spooled, logs, metrics, bytes_below(redis.data)):
            assert not SECRET.search(where)
        assert "Gọi" not in survey.log


def test_on_the_disk_no_file_holds_both_and_no_name_tells_when_a_comment_came(tmp_path: Path, namespace: str) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            kafka.kill()
            began = datetime.now(UTC).timestamp()
            assert survey.submit(GOOD | {"comment": "chậm"}, SUBMIT_KEY).json["status"] == "spooled"
            files = {path: path.read_bytes() for path in survey.spool.rglob("*.segment")}
            sheet_files = {path for path, data in files.items() if b"response_id" in data}
            comment_files = {path for path, data in files.items() if "chậm".encode() in data}
            assert len(sheet_files) == len(comment_files) == 1
            assert not sheet_files & comment_files
            (held,) = comment_files
            name = held.name.partition("-")[0]
            assert not (name.isdigit() and abs(int(name) / 1e9 - began) < 3600)


def test_a_survey_that_ends_while_kafka_is_away_leaves_its_comments_to_sipas_spool_drain(
    tmp_path: Path, namespace: str
) -> None:
    with KafkaServer(tmp_path / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, namespace, small_registry())
        with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
            form = Page(survey.ask("GET", f"/{OPEN}").text).fields | {"answers.ACCESS": "4"}
            kafka.kill()
            for number in range(5):
                assert survey.submit(GOOD | {"comment": f"góp ý {number}"}, SUBMIT_KEY).json["status"] == "spooled"
            assert post(survey, form | {"comment": "hai lần"}).status == 303
            assert post(survey, form | {"comment": "hai lần"}).status == 303
            survey.kill()
        command = ["spool", "drain"]
        away = FORKED.call(command, survey.env)
        assert (away.returncode, "7 answers and 7 comments stay on the disk" in away.stderr) == (1, True)
        kafka.start()
        drained = FORKED.call(command, survey.env)
        assert (drained.returncode, drained.stdout) == (0, "7 answers and 7 comments sent\n")
        found = comments(kafka, survey)
        assert sorted({one.text for one in found}) == [*(f"góp ý {number}" for number in range(5)), "hai lần"]
        assert len({one.id for one in found}) == 6
        again = FORKED.call(command, survey.env)
        assert again.stdout == "nothing is left on the disk\n"
