"""The registry of the browser tests: the small one, and a counter for each method."""

from sipas.codes import with_check
from sipas.events import Entry
from sipas.methods import load_methods
from tests.survey_stack import entry, names, small_registry

METHODS = tuple(load_methods())
COUNTER_OF = {method: with_check(f"B{number:08d}") for number, method in enumerate(METHODS)}


def browser_registry() -> list[Entry]:
    return small_registry() + [
        entry("counter", code, label=names(f"Quầy {method}"), agencies=["so-a"], place="trung-tam", method=method)
        for method, code in COUNTER_OF.items()
    ]
