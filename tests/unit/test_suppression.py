"""Suppression: a hidden number cannot be got back. The proof is a reader who can solve linear equations."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipas.suppression import Node, close, withhold
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


# --- over time ------------------------------------------------------------------------------------------------------


def test_each_closing_adds_what_may_be_told_of_it():
    first = close({}, agency(a=20, b=30))
    assert first == {"total": 50, "a": 20, "b": 30}
    assert close(first, agency(a=3, b=8, c=9)) == {"total": 70, "a": 20, "b": 30, "c": 9}


def test_a_closing_waits_for_five_sheets():
    assert close({}, agency(a=4)) is None


def test_three_sheets_of_a_day_do_not_follow_from_two_days_of_which_each_is_safe():
    """20 and 30 may be shown, 23 and 38 as well: the difference would tell three."""
    assert leaks(agency(a=3, b=8), frozenset())
    assert close({"total": 50, "a": 20, "b": 30}, agency(a=3, b=8)) == {"total": 61, "a": 20, "b": 30}


arrivals = st.integers(1, 3).flatmap(
    lambda parts: st.lists(
        st.tuples(st.lists(st.integers(0, 8), min_size=parts, max_size=parts), st.booleans()),
        min_size=1,
        max_size=12 // parts,
    )
)


@given(arrivals)
@example([([1, 4, 5], True), ([0, 1, 5], True)])  # rules that looked at cumulated states told these
@example([([0, 5], True), ([5, 1], True)])
@example([([2, 4, 5], True), ([3, 1, 5], True)])
@example([([5, 3], False), ([2, 4], True), ([3, 3], False), ([5, 5], True)])
def test_all_that_was_ever_shown_isolates_no_few_sheets(arrivals):
    """Atoms are (arrival, part); the total moves by five or more, some moves close, and the reader kept everything."""
    parts = range(len(arrivals[0][0]))
    sizes = [count for arrived, _ in arrivals for count in arrived]
    width = len(sizes)

    def vector(members):
        return [int(atom in members) for atom in range(width)]

    published, shown = [], {}
    moved = closed = 0
    for step, (_, closes) in enumerate(arrivals, start=1):
        unseen = sizes[moved * len(parts) : step * len(parts)]
        if sum(unseen) < 5:
            continue
        moved = step
        published.append(vector(range(moved * len(parts))))
        columns = {part: range(closed * len(parts) + part, moved * len(parts), len(parts)) for part in parts}
        since = agency(**{f"p{part}": sum(sizes[atom] for atom in atoms) for part, atoms in columns.items()})
        if not closes or (now := close(shown, since)) is None:
            continue
        # a count that did not change tells as well: nothing, or too few, and which of them the reader may know
        told = {part for part in parts if f"p{part}" not in withhold(since)}
        assert all(now[f"p{part}"] == shown.get(f"p{part}", 0) + sum(sizes[a] for a in columns[part]) for part in told)
        published += [vector(columns[part]) for part in told]
        shown, closed = now, moved
    assert isolated(published, sizes, 5) == []


@given(st.lists(st.lists(st.integers(0, 8), min_size=3, max_size=3), max_size=6))
def test_what_is_shown_never_goes_back_and_the_total_is_whole(days):
    shown, so_far = {}, 0
    for day in days:
        now = close(shown, agency(**{f"p{n}": count for n, count in enumerate(day)}))
        if now is not None:
            so_far += sum(day)
            assert now["total"] == so_far
            assert all(now[name] >= count for name, count in shown.items())
            shown = now
