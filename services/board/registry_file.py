"""The registry as an administrator writes it: blocks, agencies, places, counters, targets and rules, in YAML or tables.

`read` checks each field, `references` what points elsewhere, against the registry as it would be. Several files are
one load. They say what is wanted now: an entry that they leave out stays as it is, one that they name is as they say.
`valid_from` and `valid_to` are optional everywhere: without `valid_from` something new holds always, and a change
holds from the day of the load.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.board.list_files import Source, in_order, read_files
from services.board.tables import Part
from sipas.codes import normalise
from sipas.events import AGENCY_ID
from sipas.provinces import Province
from sipas.registry import PROVINCE, Problem, target_id
from sipas.tables.lists import Fault, Field, Many, Number, Reading, Shape, Thing, day, one_of, text

AGENCY_KINDS = (
    "BO",
    "TINH",
    "SO",
    "XA",
    "PHONG_XA",
    "PVHCC_TINH",
    "PVHCC_XA",
    "PVHCC_1CAP",
    "VPDKDD_CN",
    "NGANH_DOC",
)
POINTS = 100.0

RULE_BOUNDS: Mapping[str, tuple[float, float, bool]] = {
    "false_alarm_days": (2, 100_000, False),
    "confirm_factor": (1, 1000, False),
    "warmup_responses": (0, 10_000, True),
    "warmup_days": (1, 400, True),
    "lag": (0, 100, True),
    "half_life": (1, 1000, False),
    "guard": (0, 10, False),
    "day_share": (0.05, 10, False),
    "icc": (0.003, 0.25, False),
    "icc_days": (1, 400, False),
    "recover_days": (2, 10_000, False),
}
"""Parameters of the drop rule that keep their name and unit in the file; `smallest_drop_points` is the exception."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One entry as the file wants it."""

    kind: str
    id: str
    fields: Mapping[str, Any]
    valid_from: date | None
    valid_to: date | None
    thing: Thing

    @property
    def name(self) -> str:
        """The entry's key: kind/id."""
        return f"{self.kind}/{self.id}"


word = text(AGENCY_ID, "must be 1 to 63 lower-case letters a-z, digits and '-'")
names = Shape({"vi": Field(text()), "en": Field(text())})
DATES = {"valid_from": Field(day, required=False), "valid_to": Field(day, required=False)}


def code(reading: Reading, node: Any, path: str) -> str | None:
    """A counter's code in any of its written forms."""
    written = text()(reading, node, path)
    if written is None:
        return None
    found = normalise(written)
    if found is None:
        reading.fault(node, path, f"{written!r} is no counter code; fresh ones: sipas registry code")
    return found


def lists(methods: Collection[str]) -> Mapping[str, Shape]:
    """The lists of a registry, and the fields of their elements."""
    method = one_of(*sorted(methods))
    return {
        "blocks": Shape({"id": Field(word), "name": Field(names), "order": Field(Number(0, 999, whole=True)), **DATES}),
        "agencies": Shape(
            {
                "id": Field(word),
                "name": Field(names),
                "block": Field(word),
                "kind": Field(one_of(*AGENCY_KINDS)),
                "parent": Field(word, required=False),
                "gso_code": Field(text(r"[0-9]{2,10}", "must be 2 to 10 digits"), required=False),
                "status": Field(one_of("active", "merged", "dissolved"), required=False),
                "merged_into": Field(word, required=False),
                **DATES,
            }
        ),
        "places": Shape(
            {
                "id": Field(word),
                "name": Field(names),
                "contact": Field(names, required=False),
                "hotline": Field(text(longest=100), required=False),
                **DATES,
            }
        ),
        "counters": Shape(
            {
                "code": Field(code),
                "label": Field(names),
                "place": Field(word),
                "agencies": Field(Many(word, least=1)),
                "sectors": Field(
                    Many(Shape({"id": Field(word), "name": Field(names), "agency": Field(word, required=False)})),
                    required=False,
                ),
                "method": Field(method),
                "status": Field(one_of("active", "revoked"), required=False),
                "replaced_by": Field(code, required=False),
                "reason": Field(text(), required=False),
                **DATES,
            }
        ),
        "targets": Shape(
            {"scope": Field(text()), "method": Field(method), "percent": Field(Number(1, 100)), **DATES},
        ),
        "rules": Shape(
            {
                "method": Field(method),
                "unit": Field(Number(0.1, 100)),
                "smallest_drop_points": Field(Number(0.5, 50), required=False),
                **{
                    name: Field(Number(low, high, whole=whole), required=False)
                    for name, (low, high, whole) in RULE_BOUNDS.items()
                },
                **DATES,
            }
        ),
    }


KIND_OF_LIST = {
    "blocks": "block",
    "agencies": "agency",
    "places": "place",
    "counters": "counter",
    "targets": "target",
    "rules": "rule",
}


PARTS = {"sectors": Part("counters", "sectors", "counter", "code", normalise)}
"""The table of its own that a counter's sectors have in a spreadsheet."""


def read(
    sources: Sequence[Source],
    methods: Collection[str],
    provinces: Mapping[str, Province],
    table: str | None = None,
) -> tuple[list[Wanted], list[Fault]]:
    """What the files want, and all that is wrong with them by themselves; nothing is wanted where something is wrong.

    `table`: which table every CSV file is, whatever its name.
    """
    things, faults = read_files(sources, lists(methods), PARTS, table)
    if faults:
        return [], faults
    wanted = [_wanted(thing) for thing in things]
    first: dict[str, Wanted] = {}
    for one in wanted:
        faults += [one.thing.fault(one.name, path, why) for path, why in _contradictions(one, provinces)]
        if (before := first.setdefault(one.name, one)) is not one:
            place = before.thing.spot_of("").seen_from(one.thing.spot_of(""))
            faults.append(one.thing.fault(one.name, "", f"{one.id} stands already at {place}"))
    return ([] if faults else wanted), in_order(faults, [source.name for source in sources])


def references(wanted: Sequence[Wanted], problems: Sequence[Problem]) -> list[Fault]:
    """The problems of the registry as it would be, where they are caused; those of other entries are left."""
    by_name = {one.name: one for one in wanted}
    return [by_name[p.entry].thing.fault(p.entry, p.field, p.why) for p in problems if p.entry in by_name]


def _wanted(thing: Thing) -> Wanted:
    fields = dict(thing.fields)
    valid_from, valid_to = fields.pop("valid_from", None), fields.pop("valid_to", None)
    kind = KIND_OF_LIST[thing.list]
    if kind == "target":
        entry_id = target_id(fields["scope"], fields["method"])
    elif kind == "rule":
        entry_id, fields = fields["method"], _rule_fields(fields)
    else:
        entry_id = fields.pop("code" if kind == "counter" else "id")
    if kind == "counter":
        only = fields["agencies"][0]
        fields["sectors"] = [{"agency": only} | sector for sector in fields.get("sectors", ())]
    return Wanted(kind, entry_id, fields, valid_from, valid_to, thing)


def _rule_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    overrides = {name: value for name, value in fields.items() if name in RULE_BOUNDS}
    if "smallest_drop_points" in fields:
        overrides["smallest_drop"] = fields["smallest_drop_points"] / POINTS
    return {"method": fields["method"], "unit": fields["unit"], "overrides": overrides}


def _contradictions(one: Wanted, provinces: Mapping[str, Province]) -> list[tuple[str, str]]:
    """What is wrong between the fields of one entry: path and reason."""
    fields = one.fields
    found: list[tuple[str, str]] = []
    if one.valid_from and one.valid_to and one.valid_to < one.valid_from:
        found.append(("valid_to", "is before valid_from"))
    if one.kind == "agency" and (fields.get("status") == "merged") != ("merged_into" in fields):
        found.append(("merged_into", "goes together with status: merged"))
    if one.kind == "agency" and "gso_code" in fields and (why := _wrong_code(fields, provinces)):
        found.append(("gso_code", why))
    if one.kind == "agency" and one.id == PROVINCE:
        found.append(("id", f"{PROVINCE} means the whole province in targets and people"))
    if one.kind == "counter":
        if "replaced_by" in fields and fields.get("status") != "revoked":
            found.append(("replaced_by", "goes together with status: revoked"))
        if fields.get("replaced_by") == one.id:
            found.append(("replaced_by", "is the counter itself"))
        agencies = fields["agencies"]
        found += [(f"agencies[{at}]", "stands twice") for at, a in enumerate(agencies) if a in agencies[:at]]
        ids = [sector["id"] for sector in fields["sectors"]]
        found += [(f"sectors[{at}].id", "stands twice") for at, s in enumerate(ids) if s in ids[:at]]
        if len(agencies) > 1:
            read_sectors = one.thing.fields.get("sectors", ())
            found += [
                (f"sectors[{at}].agency", "is missing: the counter serves several agencies")
                for at, sector in enumerate(read_sectors)
                if "agency" not in sector
            ]
        if "reason" in fields and fields.get("status") != "revoked":
            found.append(("reason", "goes together with status: revoked"))
    return found


def _wrong_code(fields: Mapping[str, Any], provinces: Mapping[str, Province]) -> str | None:
    """What is wrong with the administrative code of a commune or a province: they have one length, zeros included."""
    gso_code = fields["gso_code"]
    if fields["kind"] == "XA" and len(gso_code) != 5:
        return f"{gso_code} is not the five digits of a commune; zeros in front count"
    if fields["kind"] == "TINH":
        if (province := provinces.get(gso_code)) is None:
            return f"no province has the code {gso_code}; see: sipas registry provinces"
        if not province.is_named_in(fields["name"]["vi"]):
            return f"{gso_code} is the code of {province.name}"
    return None
