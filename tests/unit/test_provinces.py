"""The official list of provinces, as data."""

import pytest

from sipas.provinces import load_provinces


def test_there_are_25_provinces_and_9_cities_in_the_order_of_their_codes() -> None:
    provinces = load_provinces()
    assert list(provinces) == sorted(provinces)
    assert all(len(code) == 2 and code.isdecimal() for code in provinces)
    kinds = [province.kind for province in provinces.values()]
    assert (kinds.count("tinh"), kinds.count("thanh_pho")) == (25, 9)


def test_every_old_province_went_into_exactly_one() -> None:
    old = [name for province in load_provinces().values() for name in province.merged_from]
    assert len(old) == len(set(old)) == 63


@pytest.mark.parametrize(
    ("code", "text", "named"),
    [
        ("38", "UBND tỉnh Thanh Hoá", True),
        ("38", "UBND tỉnh Thanh Hóa", True),
        ("38", "ubnd tỉnh thanh hóa", True),
        ("38", "UBND tỉnh Khánh Hòa", False),
    ],
)
def test_a_name_is_found_wherever_the_tone_mark_stands(code: str, text: str, named: bool) -> None:
    assert load_provinces()[code].is_named_in(text) is named
