"""A YAML file of lists, as elements that know their lines. Pure."""

from __future__ import annotations

from collections.abc import Collection

import yaml

from sipas.tables.lists import Element, Fault, Spot, is_null, spot_of


def yaml_elements(content: str, file: str, lists: Collection[str]) -> tuple[list[Element], list[Fault]]:
    """The elements of the lists in the file's order, and what keeps the file from being such lists."""
    root, faults = yaml_root(content, file)
    if faults:
        return [], faults
    if not isinstance(root, yaml.MappingNode):
        return [], [Fault(Spot(file, 1), "", f"must have the lists {', '.join(lists)}")]
    elements: list[Element] = []
    seen: set[str] = set()
    for key, sequence in root.value:
        name = str(key.value)
        if name in seen:
            faults.append(Fault(spot_of(key), name, "stands twice"))
        elif name not in lists:
            faults.append(Fault(spot_of(key), name, f"is not one of {', '.join(lists)}"))
        elif isinstance(sequence, yaml.SequenceNode):
            elements += [Element(name, at, node) for at, node in enumerate(sequence.value)]
        elif not is_null(sequence):
            faults.append(Fault(spot_of(sequence), name, "must be a list"))
        seen.add(name)
    return elements, faults


def yaml_root(content: str, file: str) -> tuple[yaml.Node | None, list[Fault]]:
    """The file as a node that knows its lines, and what keeps it from being YAML; None where nothing stands in it."""
    try:
        return _compose(content, file), []
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        why = " ".join(part for part in (reason.context, reason.problem) if part)
        return None, [Fault(Spot(file, mark.line + 1 if mark else 1), "", f"is not YAML: {why}")]
    except yaml.YAMLError as reason:
        return None, [Fault(Spot(file, 1), "", f"is not YAML: {reason}")]


def _compose(content: str, file: str) -> yaml.Node | None:
    loader = yaml.SafeLoader(content)
    loader.name = file  # every mark carries it from here on
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()
