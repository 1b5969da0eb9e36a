"""A file of leaders is read whole, or refused with line, field and reason."""

import pytest

from services.board.list_files import Source, read_files
from services.board.people_commands import LISTS, _contradictions, _entry
from sipas.people import People
from sipas.registry import Registry
from tests.unit.test_registry import entry

OLD = """people:
  - id: giam-doc
    name: Giám đốc
    email: giamdoc@mau.example
    leads: [so-a]
"""
FULL = (
    OLD
    + """    language: en
    role: department
    channels: [sms, "webhook:ioc", email]
    phone: "+84 912 345 678"
    quiet_hours: 20:00-07:00
    digest: weekly
"""
)


def faults_of(content: str) -> list[str]:
    things, faults = read_files([Source("people.yaml", content.encode())], LISTS)
    known = Registry.fold([entry("agency", "so-a", name={"vi": "A", "en": "A"}, block="so", kind="SO")])
    return [str(fault) for fault in faults or _contradictions(things, known)]


def person_of(content: str):
    things, faults = read_files([Source("people.yaml", content.encode())], LISTS)
    assert not faults
    return People.fold([_entry(thing) for thing in things]).by_id["giam-doc"]


def test_a_file_that_says_no_more_than_before_is_a_head_with_e_mail() -> None:
    read = person_of(OLD)
    assert (read.role, read.channels, read.phone, read.quiet_hours, read.digest) == (
        "head",
        ("email",),
        None,
        "",
        "none",
    )


def test_everything_that_may_be_said_of_a_person_is_read() -> None:
    read = person_of(FULL)
    assert (read.role, read.channels, read.phone, read.quiet_hours, read.digest) == (
        "department",
        ("sms", "webhook:ioc", "email"),
        "+84 912 345 678",
        "20:00-07:00",
        "weekly",
    )


def test_a_right_file_has_no_faults() -> None:
    assert faults_of(FULL) == []


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("role: department", "role: minister", "people.yaml:7: people[0].role: 'minister' must be head or department"),
        ("sms, ", "fax, ", "people.yaml:8: people[0].channels[0]: 'fax' is not email, sms, webhook:<name>"),
        ('[sms, "webhook:ioc", email]', "[]", "people.yaml:8: people[0].channels: must name at least 1"),
        ("+84 912 345 678", "zalo", "people.yaml:9: people[0].phone: 'zalo' is not a phone number"),
        ("20:00-07:00", "at night", "people.yaml:10: people[0].quiet_hours: 'at night' must be hours such as"),
        ("digest: weekly", "digest: hourly", "people.yaml:11: people[0].digest: 'hourly' must be none or daily"),
        ('    phone: "+84 912 345 678"\n', "", "people.yaml:8: person/giam-doc channels: sms needs a phone"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line_and_field(right: str, wrong: str, said: str) -> None:
    [fault] = faults_of(FULL.replace(right, wrong, 1))
    assert fault.startswith(said)
