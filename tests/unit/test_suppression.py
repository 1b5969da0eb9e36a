"""Suppression: a hidden number cannot be got back. The proof is a reader who can solve linear equations."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipas.suppression import Node, withhold
from tests.unit.linear import isolated


def agency(name="total", unnamed=0, **counters):
    parts = tuple(Node(counter, count) for counter, count in counters.items())
    return Node(name, unnamed + sum(counters.values()), parts)


@pytest.mark.parametrize(
    ("tree", "withheld"),
    [
        pytest.param(agency(a=20, b=30), set(), id="nothing is small"),
        pytest.param(agency(a=3, b=8, c=30), {"a", "b"}, id="with one small, the next smallest goes too"),
        pytest.param(agency(a=3, b=4, c=30), {"a", "b"}, id="two small ones of seven together hide each other"),
        pytest.param(agency(a=1, b=2, c=9, d=30), {"a", "b", "c"}, id="two small ones of three together do not"),
        pytest.param(agency(a=0, b=30), set(), id="nobody is behind a zero"),
        pytest.param(agency(a=3, b=0, c=9), {"a", "c"}, id="a zero hides nothing"),
        pytest.param(agency(a=3), {"total", "a"}, id="a total that is small itself"),
        pytest.param(agency(a=20, b=30, unnamed=2), {"a"}, id="sheets without a counter are hidden as well"),
        pytest.param(agency(a=20, b=30, unnamed=7), set(), id="and need no help where they are enough"),
        pytest.param(agency(), set(), id="no parts"),
    ],
)
def test_what_is_withheld_of_an_agencys_counters(tree, withheld):
    assert withhold(tree) == withheld


def test_a_small_agency_takes_another_agency_and_one_of_its_counters_along():
    """The other agency's total would follow from its counters, and then the small one from the province."""
    province = Node("province", 63, (agency("small", a=3), agency("large", b=20, c=40)))
    assert withhold(province) == {"small", "a", "large", "b"}


def test_parts_cannot_hold_more_than_their_total():
    with pytest.raises(ValueError, match="more than its 3"):
        Node("total", 3, (Node("a", 4),))


# --- the reader who solves ------------------------------------------------------------------------------------------


def atoms_and_sums(tree):
    """Give the sizes of the leaves (what is unnamed is one) and, for each number, which of them it adds up."""
    sizes, sums = [], {}

    def walk(node):
        inside = []
        for part in node.parts:
            inside += walk(part)
        if not node.parts or node.unnamed:
            sizes.append(node.unnamed if node.parts else node.count)
            inside.append(len(sizes) - 1)
        sums[node.name] = inside
        return inside

    walk(tree)
    return sizes, {name: [int(atom in inside) for atom in range(len(sizes))] for name, inside in sums.items()}


def leaks(tree, withheld, minimum=5):
    sizes, sums = atoms_and_sums(tree)
    return isolated([vector for name, vector in sums.items() if name not in withheld], sizes, minimum)


def test_the_reader_gets_back_what_only_the_small_numbers_hide():
    """The check itself can fail: 33 - 30 = 3."""
    assert leaks(agency(a=3, b=30), {"a"})
    assert not leaks(agency(a=3, b=30), {"a", "b"})


counts = st.integers(0, 9)
agencies = st.tuples(st.lists(counts, max_size=4), st.sampled_from([0, 0, 0, 1, 2, 6]))


@st.composite
def provinces(draw):
    parts = []
    for number, (counters, unnamed) in enumerate(draw(st.lists(agencies, min_size=1, max_size=3))):
        named = {f"c{number}.{at}": count for at, count in enumerate(counters)}
        parts.append(agency(f"a{number}", unnamed, **named))
    return Node("province", sum(part.count for part in parts), tuple(parts))


@given(provinces(), st.integers(2, 8))
@example(Node("province", 63, (agency("small", a=3), agency("large", b=20, c=40))), 5)
def test_no_group_below_the_minimum_can_be_counted_from_what_is_published(province, minimum):
    assert leaks(province, withhold(province, minimum), minimum) == []


@given(provinces())
def test_no_small_number_is_published_and_no_zero_withheld(province):
    withheld = withhold(province)

    def walk(node):
        yield node
        for part in node.parts:
            yield from walk(part)

    for node in walk(province):
        assert not 0 < node.count < 5 or node.name in withheld
        assert node.count or node.name not in withheld


@given(st.lists(st.integers(5, 50), min_size=1, max_size=9))
def test_where_nothing_is_small_nothing_is_withheld(counts):
    assert withhold(agency(**{f"c{n}": count for n, count in enumerate(counts)})) == frozenset()
