"""Sheets and comments on the disk: promised together, kept apart."""

import time
import uuid
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from services.survey.intake import Intake
from services.survey.outbox import Outbox
from services.survey.sheets import Submitted
from services.survey.spool import Spool, SpoolFull
from services.survey.spools import COMMENTS, Counted, Spools, left_in
from sipas.broker import KafkaAway
from sipas.events import Comment, Response

MB = 1024 * 1024


def submitted(text: str | None = "chậm") -> Submitted:
    sheet = Response(
        response_id=uuid.uuid4(),
        agency="so-a",
        place=None,
        counter=None,
        sector=None,
        method="quick-5@1",
        answers={"ACCESS": 4},
        answered_on=date(2026, 11, 22),
        received_at=datetime(2026, 11, 22, tzinfo=UTC),
        channel="qr",
        via="form",
        language="vi",
        assisted=False,
    )
    if text is None:
        return Submitted(sheet, None)
    return Submitted(sheet, Comment(id=uuid.uuid4(), agency="so-a", counter=None, day=sheet.answered_on, text=text))


def away() -> Outbox:
    raise KafkaAway("no broker answers")


def test_while_kafka_is_away_a_sheet_and_its_comment_are_kept_in_spools_of_their_own(tmp_path: Path) -> None:
    spools = Spools.open(tmp_path, max_bytes=MB)
    assert Intake(spools, away).accept(submitted()) == "spooled"
    assert Intake(spools, away).accept(submitted(None)) == "spooled"
    assert spools.records == Counted(sheets=2, comments=1)


def test_where_a_comment_cannot_be_kept_nothing_is_kept_of_its_sheet(tmp_path: Path) -> None:
    """It comes again, perhaps without an id of its own: then it would be counted twice."""
    spools = Spools(Spool(tmp_path, max_bytes=MB), Spool(tmp_path / COMMENTS, max_bytes=1))
    intake = Intake(spools, away)
    with pytest.raises(SpoolFull):
        intake.accept(submitted())
    assert spools.records == Counted(sheets=0, comments=0)
    assert not intake.has_room
    assert intake.accept(submitted(None)) == "spooled"


def test_where_a_sheet_cannot_be_kept_it_is_not_promised(tmp_path: Path) -> None:
    spools = Spools(Spool(tmp_path, max_bytes=1), Spool(tmp_path / COMMENTS, max_bytes=MB))
    intake = Intake(spools, away)
    with pytest.raises(SpoolFull):
        intake.accept(submitted())
    assert not intake.has_room


def test_what_dead_processes_left_of_both_is_adopted(tmp_path: Path) -> None:
    first = Spools.open(tmp_path, max_bytes=MB)
    for _ in range(3):
        Intake(first, away).accept(submitted())
    first.close()
    second = Spools.open(tmp_path, max_bytes=MB)
    assert second.adopt() == Counted(sheets=3, comments=3)


def test_the_spool_of_sheets_alone_leaves_comments_where_they_are(tmp_path: Path) -> None:
    """A version without comments, to which somebody went back, must start."""
    first = Spools.open(tmp_path, max_bytes=MB)
    Intake(first, away).accept(submitted())
    first.close()
    assert Spool(tmp_path, max_bytes=MB).adopt() == 1
    assert Spools.open(tmp_path, max_bytes=MB).adopt() == Counted(sheets=0, comments=1)


def test_what_is_left_on_the_disk_is_told_from_outside_the_process_that_holds_it(tmp_path: Path) -> None:
    assert left_in(tmp_path) == 0
    spools = Spools.open(tmp_path, max_bytes=MB)
    Intake(spools, away).accept(submitted())
    assert left_in(tmp_path) == spools.size > 0
    for spool in (spools.sheets, spools.comments):
        batch = spool.oldest(10)
        assert batch is not None
        spool.remove(batch)
    assert left_in(tmp_path) == 0


def test_it_is_told_since_when_sheets_wait_and_of_comments_never(tmp_path: Path) -> None:
    spools = Spools.open(tmp_path, max_bytes=MB)
    before = time.time()
    comment = submitted().comment
    assert comment is not None
    spools.append(comment)
    assert spools.waiting_since is None
    spools.append(submitted().sheet)
    assert spools.waiting_since is not None
    assert before <= spools.waiting_since <= time.time()
    batch = spools.sheets.oldest(10)
    assert batch is not None
    spools.sheets.remove(batch)
    assert spools.waiting_since is None
