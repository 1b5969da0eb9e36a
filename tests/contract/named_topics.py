"""Which topics a module of Python names."""

import ast
from collections.abc import Iterator

FOLLOWERS = {"RegistryFollower": "registry", "PeopleFollower": "people"}


def topics_in(tree: ast.AST) -> Iterator[str]:
    """By `Topics(…)`, by a variable that holds one, by a follower, by `write_entries`."""
    holders = {
        target.id
        for node in ast.walk(tree)
        if isinstance(node, ast.Assign) and _is_call_of(node.value, "Topics")
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and (
            _is_call_of(node.value, "Topics") or (isinstance(node.value, ast.Name) and node.value.id in holders)
        ):
            yield node.attr
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in FOLLOWERS:
                yield FOLLOWERS[node.func.id]
            if node.func.id == "write_entries" and isinstance(node.args[1], ast.Constant):
                yield str(node.args[1].value)


def _is_call_of(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
