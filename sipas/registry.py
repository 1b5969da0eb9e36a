"""Who is measured: agencies, blocks, places, counters, keys, targets and rule settings, as one immutable snapshot.

The registry topic is the record, a `Registry` is a fold over it: each entry carries its whole dated history and
the last record of an entry wins, so folding in parts gives the same as folding at once. Pure: no clock, no I/O;
`sipas.follower` keeps one up to date.

What was ever printed on a poster or published in a ranking stays findable: agencies, blocks, places and counters
are never removed, whatever day is asked for. Targets and rule settings hold only on their days.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType
from typing import Any, Generic, Literal, NamedTuple, Protocol, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from sipas.events import Entry, MalformedEvent, decode_entry

PROVINCE = "province"
KeyScope = Literal["submit", "import", "read"]


@dataclass(frozen=True, slots=True)
class Names:
    """A name in both languages."""

    vi: str
    en: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Agencies that may be ranked against each other (khối); `order` is its place on the board."""

    id: str
    name: Names
    order: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Agency:
    """Who decides dossiers. `kind` is one of SO, XA, NGANH_DOC, …; `parent` and `merged_into` are agency ids."""

    id: str
    name: Names
    block: str
    kind: str
    parent: str | None = None
    gso_code: str | None = None
    status: Literal["active", "merged", "dissolved"] = "active"
    merged_into: str | None = None

    @property
    def scopes(self) -> tuple[str, str, str]:
        """What a target or a leader may name to mean this agency, the nearest first."""
        return self.id, f"block/{self.block}", PROVINCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where dossiers are handed in; it may serve many agencies.

    `contact`: the unit responsible for the survey there and how to reach it; `hotline`: whom to call to complain.
    """

    id: str
    name: Names
    contact: Names | None = None
    hotline: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sector:
    """A field of procedures (lĩnh vực) that a counter takes for one of its agencies."""

    id: str
    name: Names
    agency: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Counter:
    """A counter (quầy) with its printed code. A revoked one says which counter took its place, if any, and why."""

    code: str
    label: Names
    place: str
    agencies: tuple[str, ...]
    sectors: tuple[Sector, ...] = ()
    method: str
    status: Literal["active", "revoked"] = "active"
    replaced_by: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A machine client's key; the token itself is kept nowhere."""

    id: str
    scope: KeyScope
    hash: str
    revoked: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class NamespaceFacts:
    """What can never change in a namespace: time zone of the local day, partitions of the topics keyed by agency."""

    timezone: str
    partitions: int
    demo: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSettings:
    """How a method's days are judged: `unit`, and the settings of the drop rule that are not its defaults.

    `overrides` has the names and units of the drop rule's own parameters (drops are shares, 0.05 = five points).
    """

    method: str
    unit: float = 1.0
    overrides: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The index a leader wants to reach, in percent. `scope`: an agency id, `block/<id>` or `province`."""

    scope: str
    method: str
    percent: float


V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Dated(Generic[V]):
    """A value and its days, both inclusive; None is open."""

    valid_from: date | None
    valid_to: date | None
    value: V

    def holds_on(self, day: date) -> bool:
        """Whether `day` is one of its days."""
        return (self.valid_from or date.min) <= day <= (self.valid_to or date.max)


@dataclass(frozen=True, slots=True)
class Erased:
    """A tombstone."""

    kind: str
    id: str


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A record that is no entry."""

    where: str
    why: str


Item = Entry | Erased | Unreadable


class Problem(NamedTuple):
    """What is wrong with an entry, and where: `entry` is kind/id, `field` a path such as agencies[1] or ""."""

    entry: str
    field: str
    why: str

    def __str__(self) -> str:
        return f"{self.entry}: {self.field}: {self.why}" if self.field else f"{self.entry}: {self.why}"


class KeyedRecord(Protocol):
    """What is needed of a Kafka record here."""

    @property
    def offset(self) -> int: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


def read_item(record: KeyedRecord) -> Item:
    """A record of a topic of entries; never raises, so that one bad record cannot stop every service."""
    key = (record.key or b"").decode(errors="replace")
    kind, slash, entry_id = key.partition("/")
    if not slash:
        return Unreadable(f"record {record.offset}", f"its key {key!r} is not kind/id")
    if record.value is None:
        return Erased(kind, entry_id)
    try:
        entry = decode_entry(record.value)
    except MalformedEvent as reason:
        return Unreadable(key, str(reason))
    if (entry.kind, entry.id) != (kind, entry_id):
        return Unreadable(key, f"it holds {entry.kind}/{entry.id}")
    return entry


LASTING: Mapping[str, tuple[type[Any], str]] = {
    "block": (Block, "id"),
    "agency": (Agency, "id"),
    "place": (Place, "id"),
    "counter": (Counter, "code"),
    "key": (Key, "id"),
    "namespace": (NamespaceFacts, ""),
}
PASSING: Mapping[str, tuple[type[Any], str]] = {"rule": (RuleSettings, ""), "target": (Target, "")}
KINDS = {**LASTING, **PASSING}
"""Kind -> (type, name of the field that holds the entry's id, "" where the value has none)."""

Histories = Mapping[str, Mapping[str, tuple[Dated[Any], ...]]]


def parse_history(entry: Entry, shape: type[V], id_field: str) -> tuple[Dated[V], ...]:
    """An entry's dated values, oldest first. Raises ValueError that says what is wrong."""
    if not entry.history:
        raise ValueError("its history is empty")
    identity = {id_field: entry.id} if id_field else {}
    try:
        return tuple(
            Dated(
                msgspec.convert(version.get("valid_from"), date | None),
                msgspec.convert(version.get("valid_to"), date | None),
                msgspec.convert(version | identity, shape),
            )
            for version in entry.history
        )
    except msgspec.ValidationError as reason:
        raise ValueError(str(reason)) from None


@dataclass(frozen=True, kw_only=True)
class Registry:
    """A snapshot. The mappings are by id (counters by code, rules by method, targets by entry id).

    `entries` are the raw entries by (kind, id). `problems` lists what could not be used or points nowhere; it is
    for people: the rest of the registry still works.
    """

    agencies: Mapping[str, Agency]
    blocks: Mapping[str, Block]
    places: Mapping[str, Place]
    counters: Mapping[str, Counter]
    keys: Mapping[str, Key]
    rules: Mapping[str, RuleSettings]
    targets: Mapping[str, Target]
    facts: NamespaceFacts | None
    problems: tuple[Problem, ...]
    entries: Mapping[tuple[str, str], Entry]
    histories: Histories = field(repr=False)
    _unreadable: Mapping[str, str] = field(repr=False)
    _key_by_hash: Mapping[str, Key] = field(repr=False)

    @classmethod
    def fold(cls, items: Iterable[Item]) -> Registry:
        """The registry after `items`, in the order of the log: the newest version of everything."""
        return _made({}, {}, {}, items)

    def updated(self, items: Iterable[Item]) -> Registry:
        """The registry after further `items`."""
        return _made(self.entries, self.histories, self._unreadable, items)

    def as_of(self, day: date) -> Registry:
        """The registry as it was, or will be, on `day`. Keys have no history: a revoked key is revoked."""
        return _selected(self.entries, self.histories, self._unreadable, day)

    def agency(self, agency_id: str) -> Agency | None:
        """An agency, also one that was merged or dissolved."""
        return self.agencies.get(agency_id)

    def counter(self, code: str) -> Counter | None:
        """A counter by its normalised code, also a revoked one."""
        return self.counters.get(code)

    def key_for(self, token: str) -> Key | None:
        """The key behind a bearer token; None if unknown or revoked."""
        digest = token_hash(token)
        # the lookup's timing tells at most of a digest, from which no token follows: tokens are random
        key = self._key_by_hash.get(digest)
        if key is None or key.revoked or not hmac.compare_digest(key.hash, digest):
            return None
        return key

    def rule_on(self, method: str, day: date) -> RuleSettings:
        """The rule settings of a method on a day; the defaults where nothing is set."""
        found: RuleSettings | None = _holding(self.histories["rule"].get(method, ()), day)
        return found or RuleSettings(method=method)

    def target_on(self, agency_id: str, method: str, day: date) -> Target | None:
        """The nearest target of an agency on a day: its own, else its block's, else the province's."""
        versions = self.histories["agency"].get(agency_id)
        if versions is None:
            return None
        agency: Agency = _on(versions, day).value
        candidates = (
            _holding(self.histories["target"].get(target_id(scope, method), ()), day) for scope in agency.scopes
        )
        return next((target for target in candidates if target is not None), None)

    def serving(self, agency_id: str) -> tuple[Counter, ...]:
        """The active counters where an agency can be answered about."""
        return tuple(c for c in self.counters.values() if c.status == "active" and agency_id in c.agencies)


def target_id(scope: str, method: str) -> str:
    """The id of a target's entry."""
    return f"{scope}/{method}"


def token_hash(token: str) -> str:
    """How a key's token is kept. A plain hash is enough: tokens are 43 random characters, not passwords."""
    return hashlib.sha256(token.encode()).hexdigest()


class WrongNamespace(Exception):
    """The settings and the namespace disagree about what can never change."""


class NotSetUp(WrongNamespace):
    """`sipas topics create` has not finished, or never ran: who waits may find it done."""


class _HasZone(Protocol):
    @property
    def zone(self) -> ZoneInfo: ...
    @property
    def namespace(self) -> str: ...


def known_facts(facts: NamespaceFacts | None, namespace: str) -> NamespaceFacts:
    """The facts of a namespace that was set up; raises `NotSetUp` for another."""
    if facts is None:
        raise NotSetUp(f"namespace {namespace} was never set up; run: sipas topics create")
    return facts


def check_namespace(facts: NamespaceFacts | None, settings: _HasZone, partition_count: int) -> NamespaceFacts:
    """The namespace's facts if `settings` and the live topics agree with them; raises `WrongNamespace` if not.

    `partition_count` is that of the responses topic as the cluster reports it.
    """
    facts = known_facts(facts, settings.namespace)
    if facts.timezone != settings.zone.key:
        raise WrongNamespace(
            f"namespace {settings.namespace} counts days in {facts.timezone}, but SIPAS_TIMEZONE is "
            f"{settings.zone.key}: the time zone of a namespace never changes"
        )
    if facts.partitions != partition_count:
        raise WrongNamespace(
            f"namespace {settings.namespace} was made with {facts.partitions} partitions, but its responses topic "
            f"has {partition_count}: the count of a live topic never changes"
        )
    return facts


# --- folding --------------------------------------------------------------------------------------------------


def _holding(versions: tuple[Dated[V], ...], day: date) -> V | None:
    # the newest of those that hold: a correction written later wins over what it corrects
    return next((version.value for version in reversed(versions) if version.holds_on(day)), None)


def _on(versions: tuple[Dated[V], ...], day: date) -> Dated[V]:
    """The version that holds on `day`, else the last that had begun, else the first."""
    held = [version for version in versions if version.holds_on(day)]
    begun = [version for version in versions if (version.valid_from or date.min) <= day]
    return (held or begun or versions[:1])[-1]


def _made(
    entries: Mapping[tuple[str, str], Entry], histories: Histories, unreadable: Mapping[str, str], items: Iterable[Item]
) -> Registry:
    entries, unreadable = dict(entries), dict(unreadable)
    parsed = {kind: dict(histories.get(kind, {})) for kind in KINDS}
    for item in items:
        if isinstance(item, Unreadable):
            unreadable[item.where] = item.why
            continue
        name = f"{item.kind}/{item.id}"
        unreadable.pop(name, None)
        if isinstance(item, Erased):
            if item.kind in LASTING and item.kind != "key":
                unreadable[name] = "it was erased, but what was once published is never removed; the erasure is ignored"
                continue
            entries.pop((item.kind, item.id), None)
            parsed.get(item.kind, {}).pop(item.id, None)
        elif item.kind in KINDS:  # a kind that only newer programs know is no problem of ours
            try:
                parsed[item.kind][item.id] = parse_history(item, *KINDS[item.kind])
            except ValueError as reason:
                unreadable[name] = str(reason)
                continue
            entries[item.kind, item.id] = item
    return _selected(entries, parsed, unreadable, None)


def _selected(
    entries: Mapping[tuple[str, str], Entry], histories: Histories, unreadable: Mapping[str, str], day: date | None
) -> Registry:
    def lasting(kind: str) -> dict[str, Any]:
        return {
            entry_id: (versions[-1] if day is None else _on(versions, day)).value
            for entry_id, versions in histories[kind].items()
        }

    def passing(kind: str) -> dict[str, Any]:
        values = {
            entry_id: versions[-1].value if day is None else _holding(versions, day)
            for entry_id, versions in histories[kind].items()
        }
        return {entry_id: value for entry_id, value in values.items() if value is not None}

    keys = {entry_id: versions[-1].value for entry_id, versions in histories["key"].items()}
    blocks, agencies, places = lasting("block"), lasting("agency"), lasting("place")
    counters, rules, targets = lasting("counter"), passing("rule"), passing("target")
    wrong = (*_dangling(blocks, agencies, places, counters, targets), *_circular(agencies, counters))
    return Registry(
        agencies=MappingProxyType(agencies),
        blocks=MappingProxyType(blocks),
        places=MappingProxyType(places),
        counters=MappingProxyType(counters),
        keys=MappingProxyType(keys),
        rules=MappingProxyType(rules),
        targets=MappingProxyType(targets),
        facts=next(iter(lasting("namespace").values()), None),
        problems=(*(Problem(where, "", why) for where, why in sorted(unreadable.items())), *wrong),
        entries=MappingProxyType(dict(entries)),
        histories=MappingProxyType({kind: MappingProxyType(dict(of)) for kind, of in histories.items()}),
        _unreadable=MappingProxyType(dict(unreadable)),
        _key_by_hash=MappingProxyType({key.hash: key for key in keys.values()}),
    )


def _dangling(
    blocks: Mapping[str, Block],
    agencies: Mapping[str, Agency],
    places: Mapping[str, Place],
    counters: Mapping[str, Counter],
    targets: Mapping[str, Target],
) -> Iterator[Problem]:
    """What points to something that is not there."""
    for agency in agencies.values():
        where = f"agency/{agency.id}"
        if agency.block not in blocks:
            yield Problem(where, "block", f"there is no block {agency.block}")
        for name, other in (("parent", agency.parent), ("merged_into", agency.merged_into)):
            if other is not None and other not in agencies:
                yield Problem(where, name, f"there is no agency {other}")
    for counter in counters.values():
        where = f"counter/{counter.code}"
        if counter.place not in places:
            yield Problem(where, "place", f"there is no place {counter.place}")
        for at, agency_id in enumerate(counter.agencies):
            if agency_id not in agencies:
                yield Problem(where, f"agencies[{at}]", f"there is no agency {agency_id}")
        for at, sector in enumerate(counter.sectors):
            if sector.agency not in counter.agencies:
                yield Problem(where, f"sectors[{at}].agency", f"the counter does not serve {sector.agency}")
        if counter.replaced_by is not None and counter.replaced_by not in counters:
            yield Problem(where, "replaced_by", f"there is no counter {counter.replaced_by}")
    scopes = {PROVINCE, *agencies, *(f"block/{block}" for block in blocks)}
    for name, target in targets.items():
        if target.scope not in scopes:
            yield Problem(f"target/{name}", "scope", f"there is no {target.scope}")


def _circular(agencies: Mapping[str, Agency], counters: Mapping[str, Counter]) -> Iterator[Problem]:
    """What leads back to itself; told of every member, because any of them may be the one to mend."""
    pointers = {
        ("agency", "parent"): {agency.id: agency.parent for agency in agencies.values()},
        ("agency", "merged_into"): {agency.id: agency.merged_into for agency in agencies.values()},
        ("counter", "replaced_by"): {counter.code: counter.replaced_by for counter in counters.values()},
    }
    for (kind, name), of in pointers.items():
        for cycle in _cycles(of):
            for at, member in enumerate(cycle):
                way = " -> ".join((*cycle[at:], *cycle[:at], member))
                yield Problem(f"{kind}/{member}", name, f"leads back to itself: {way}")


def _cycles(pointers: Mapping[str, str | None]) -> Iterator[list[str]]:
    """The cycles where each id points to one other at most."""
    done: set[str] = set()
    for start in pointers:
        path: dict[str, None] = {}
        at: str | None = start
        while at is not None and at not in done and at not in path:
            path[at] = None
            at = pointers.get(at)
        if at in path:
            members = list(path)
            yield members[members.index(at) :]
        done |= path.keys()
