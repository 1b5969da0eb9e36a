"""A board on a real Redis: sheets are counted as the aggregator counts them, then asked for over HTTP."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from flask.testing import FlaskClient
from holidays import country_holidays

from services.aggregator.commit import commit
from services.aggregator.fold import Shelves, fold, sheet_of
from services.aggregator.steps import Waiting
from services.board.alert_forms import FormNonces
from services.board.app import make_app
from services.board.comments import ReadComments
from services.board.figures import Figures
from services.board.parts import Leading, Parts
from services.board.reading import TallyReader
from services.board.scores import ScoreBook
from sipas.alert_book import AlertBook
from sipas.alert_links import AlertLinks
from sipas.broker import PublishFailed, partition_of
from sipas.events import AlertDecided, Comment, Entry, Response
from sipas.ledger import Ledgers
from sipas.methods import load_methods
from sipas.people import People
from sipas.registry import Registry, token_hash
from sipas.tally_keys import TallyKeys

PARTITIONS = 4
NOW = datetime(2026, 11, 22, 3, 30, tzinfo=UTC)
TODAY = date(2026, 11, 22)
READ = {"Authorization": "Bearer read-token"}
SUBMIT = {"Authorization": "Bearer submit-token"}
GOOD = {"ACCESS": 5, "PROC": 4, "STAFF": 5, "RESULT": 4, "FEEDBACK": None}
BAD = {"ACCESS": 2, "PROC": 1, "STAFF": 3, "RESULT": 3, "FEEDBACK": None}

Answers = Mapping[str, int | None]


def agency(id_: str, vi: str, block: str = "so", **more: object) -> Entry:
    return Entry(
        kind="agency",
        id=id_,
        history=({"name": {"vi": vi, "en": f"{id_} (en)"}, "block": block, "kind": "SO", **more},),
    )


def block(id_: str, vi: str, order: int) -> Entry:
    return Entry(kind="block", id=id_, history=({"name": {"vi": vi, "en": f"{id_} (en)"}, "order": order},))


def key(scope: str) -> Entry:
    return Entry(kind="key", id=scope, history=({"scope": scope, "hash": token_hash(f"{scope}-token")},))


PROVINCE = (
    block("xa", "Xã, phường", 2),
    block("so", "Sở, ban, ngành", 1),
    agency("so-noi-vu", "Sở Nội vụ"),
    agency("so-y-te", "Sở Y tế"),
    agency("so-dan-toc", "Đặc phái viên Dân tộc"),
    agency("so-tu-phap", "Tư pháp"),
    agency("xa-mot", "Xã Một", "xa"),
    agency("xa-cu", "Xã Cũ", "xa", status="merged", merged_into="xa-mot"),
    key("read"),
    key("submit"),
)


class BoardStack:
    """`count` puts sheets into the ledger, `get` asks the board."""

    def __init__(
        self,
        url: str,
        namespace: str,
        entries: Iterable[Entry] = PROVINCE,
        *,
        demo: bool = False,
        publication_minimum: int = 5,
        read_comments: ReadComments | None = None,
        people: Iterable[Entry] = (),
    ) -> None:
        self.methods = load_methods()
        self.ledgers = Ledgers(url, namespace)
        self.keys = [TallyKeys.of(self.ledgers, number) for number in range(PARTITIONS)]
        self.waiting: dict[str, dict[str, Waiting]] = {}
        self.alerts = AlertBook()
        self.kafka_away = False
        self.links = AlertLinks("s" * 32)
        self.people = People.fold(people)
        self.scores = ScoreBook()
        self.comments: list[Comment] = []
        self.now = NOW
        for keys in self.keys:
            keys.slot.create(0, {"offset": -1, "rebuild_until": 0, "rebuilt": 1})
        registry = Registry.fold(entries)
        self.reader = TallyReader(self.ledgers, PARTITIONS)
        self.parts = Parts(
            registry=lambda: registry,
            alerts=lambda: self.alerts,
            scores=lambda: self.scores,
            leading=Leading(
                people=lambda: self.people,
                links=self.links,
                nonces=FormNonces("s" * 32),
                decide=self.decide,
                heard=lambda _id: None,
            ),
            comments=read_comments
            or (lambda agency, day: [one for one in self.comments if (one.agency, one.day) == (agency, day)]),
            figures=Figures(self.reader, self.methods, publication_minimum),
            methods=self.methods,
            zone=ZoneInfo("Asia/Ho_Chi_Minh"),
            holidays=country_holidays("VN"),
            now=lambda: self.now,
            publication_minimum=publication_minimum,
            ranking_minimum=30,
            demo=demo,
        )
        self.client: FlaskClient = make_app(self.parts).test_client()

    def decide(self, decision: AlertDecided) -> None:
        """As a Kafka that answers at once, or not at all."""
        if self.kafka_away:
            raise PublishFailed("no broker")
        self.alerts = self.alerts.updated([decision])

    def count(
        self,
        agency_id: str,
        day: date | str,
        sheets: Sequence[Answers],
        *,
        method: str = "quick-5@1",
        flags: tuple[str, ...] = (),
        received: datetime | None = None,
        counter: str | None = None,
    ) -> None:
        """Fold and commit, as the aggregator does."""
        day = date.fromisoformat(day) if isinstance(day, str) else day
        keys = self.keys_of(agency_id)
        position = keys.slot.position()
        assert position is not None
        criteria = {id_: frozenset(one.codes) for id_, one in self.methods.items()}
        events = [
            Response(
                response_id=uuid.uuid4(),
                agency=agency_id,
                place=None,
                counter=counter,
                sector=None,
                method=method,
                answers=dict(answers),
                answered_on=day,
                received_at=received or datetime(day.year, day.month, day.day, 3, 15, tzinfo=UTC),
                channel="qr",
                via="import",
                language="vi",
                assisted=False,
                flags=flags,
            )
            for answers in sheets
        ]
        waiting = self.waiting.setdefault(keys.slot.key(), {})
        folded = fold([sheet_of(event, criteria) for event in events], {}, Shelves(), waiting)
        waiting.update(folded.waiting)
        start = int(position["next_offset"])
        moved = {"next_offset": start + len(events), "offset": start + len(events) - 1}
        commit(folded, keys, start, moved)

    def keys_of(self, agency_id: str) -> TallyKeys:
        return self.keys[partition_of(agency_id, PARTITIONS)]

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: str) -> Any:
        """The answer's JSON; `status` of the last answer stands in `self.status`."""
        answer = self.client.get(path, query_string=query or None, headers=dict(headers or {}))
        self.status, self.type = answer.status_code, answer.content_type
        return answer.get_json(force=True)

    def index(self, agency_id: str, headers: Mapping[str, str] | None = None, **query: str) -> Any:
        return self.get(f"/v1/agencies/{agency_id}/index", headers, **query)

    def page(self, path: str, **query: str) -> str:
        answer = self.client.get(path, query_string=query or None)
        self.status, self.headers = answer.status_code, answer.headers
        return answer.get_data(as_text=True)


def days_before(day: date, number: int) -> list[date]:
    """`number` days that end with `day`, oldest first."""
    return [day - timedelta(days=back) for back in range(number - 1, -1, -1)]
