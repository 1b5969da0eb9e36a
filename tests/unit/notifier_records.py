"""Alerts, people and agencies for tests of what leaders are told, and a plan over them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo

from holidays import country_holidays

from services.notifier.outgoing import Item, Manner, Outgoing, Plan, View, plan
from services.notifier.routing import routes
from services.notifier.told import Told
from services.notifier.working_time import Calendar
from sipas.alert_book import AlertBook
from sipas.events import AlertChanged, AlertDecided, Delivered, Measured, SilenceSet, Withheld
from sipas.hours import Hours
from sipas.people import People, Person, scopes_of
from sipas.registry import Agency, Names

HANOI = ZoneInfo("Asia/Ho_Chi_Minh")
CALENDAR = Calendar(HANOI, country_holidays("VN"), Hours(time(8), time(17)))
NIGHT = Hours(time(21), time(6, 30))
MANNER = Manner(calendar=CALENDAR, quiet=NIGHT)
OPENED = date(2026, 11, 26)


def local(text: str) -> datetime:
    """An instant as Hanoi's clocks show it."""
    return datetime.fromisoformat(text).replace(tzinfo=HANOI).astimezone(UTC)


THURSDAY = local("2026-11-26T10:00")


def agency(id_: str, block: str = "so", parent: str | None = None) -> Agency:
    return Agency(id=id_, name=Names(id_, id_), block=block, kind="SO", parent=parent)


def person(id_: str, *leads: str, **fields) -> Person:
    return Person(id=id_, name=id_, email=f"{id_}@mau.example", leads=leads, **fields)


def people_of(*people: Person) -> People:
    return replace(People.fold(()), by_id={one.id: one for one in people})


def change(kind: str, agency_id: str = "so-a", opened: date = OPENED, **fields) -> AlertChanged:
    facts = {
        "id": f"{agency_id}/quick-5@1/drop/{opened}/{kind}/1",
        "agency": agency_id,
        "method": "quick-5@1",
        "rule": "drop",
        "kind": kind,
        "number": 1,
        "opened_on": opened,
        "day": opened,
        "since": opened,
        "before": Measured(percent=88.1, interval=(86.0, 90.1), responses=1234),
        "after": Measured(percent=66.2, interval=(55.5, 75.4), responses=81),
        "evidence": 8.8,
        "criterion": "STAFF",
        "target": None,
        "historical": False,
        "version": (0, 7),
        "state": {"rule": {"false_alarm_days": 520.0, "recover_days": 20.0}},
    }
    return AlertChanged(**(facts | fields))


def decided(
    act: str, agency_id: str = "so-a", *, at: datetime = THURSDAY, until: datetime | None = None
) -> AlertDecided:
    return AlertDecided(
        id=f"{act}/{agency_id}/{at}",
        agency=agency_id,
        method="quick-5@1",
        rule="drop",
        opened_on=OPENED,
        act=act,
        by="head-a",
        at=at,
        note="",
        until=until,
        after=None,
    )


def silence(scope: str, start: datetime, end: datetime, id_: str = "s") -> SilenceSet:
    return SilenceSet(id=id_, scope=scope, start=start, end=end, by="it", reason="maintenance", at=start)


@dataclass
class Office:
    """The courier without its loop: changes are routed as they come, `plan` says what goes, `deliver` that it went."""

    people: People
    agencies: Mapping[str, Agency] = field(default_factory=lambda: {"so-a": agency("so-a"), "so-b": agency("so-b")})
    manner: Manner = MANNER
    book: AlertBook = field(default_factory=AlertBook)
    told: Told = field(default_factory=Told)
    items: dict[str, Item] = field(default_factory=dict)

    def come(self, *changes: AlertChanged, at: datetime = THURSDAY) -> None:
        for one in changes:
            self.book = self.book.updated([one])
            alert = self.book.alerts[self.book.key_by_change[one.id]]
            for route in routes(one, alert, scopes_of(one.agency, self.agencies), self.people):
                item = Item(one.id, route.person.id, route.lane, at.isoformat())
                self.items[item.id] = item

    def decide(self, *events: AlertDecided | SilenceSet) -> None:
        self.book = self.book.updated(events)

    def plan(self, at: datetime = THURSDAY) -> Plan:
        made = plan(self.items.values(), View(self.book, self.told, self.people, self.agencies), self.manner, at)
        for item in made.gone:
            del self.items[item.id]
        return made

    def goes(self, at: datetime = THURSDAY) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """Person -> (kind of message, the kinds of change with their agencies that it says)."""
        found: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for due in self.plan(at).due:
            said = tuple(f"{one.split('/')[0]} {one.split('/')[4]}" for one in due.message.said)
            found.setdefault(due.message.person, []).append((due.message.kind, said))
        return found

    def deliver(self, at: datetime = THURSDAY) -> list[Outgoing]:
        """Everything that goes now is accepted."""
        made = [due.message for due in self.plan(at).due]
        events = [
            Delivered(
                message_id=one.id("email"),
                alert_id=one.said[0],
                agency=one.said[0].split("/")[0],
                person=one.person,
                channel="email",
                at=at,
                subject="",
                also=(*one.said[1:], *one.also),
            )
            for one in made
        ]
        self.record(events)
        return made

    def record(self, events: Iterable[Delivered | Withheld]) -> None:
        events = list(events)
        self.told.add(events)
        self.book = self.book.updated(one for one in events if isinstance(one, Delivered))
