"""What of this project goes into the image of one service, and nothing else of it.

    python cut.py requirements NAME...   those packages of requirements.lock, hashes included, that NAME needs: a
                                         service (its extra of pyproject.toml), or a package
    python cut.py project SERVICE        pyproject.toml with the commands of this service only

Runs in the build stage: standard library only. Who needs what is read from the lock's own `# via` lines, and pip
refuses the result (--require-hashes) if a package that is needed were missing.
"""

import re
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

US = "sipas"
COMMANDS = '[project.entry-points."sipas.commands"]'


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def blocks(lock: str) -> dict[str, str]:
    """Package -> its lines in the lock."""
    found = re.findall(r"^\S.*\n(?:[ \t].*\n?)*", lock, re.MULTILINE)
    return {normal(re.split(r"[=\[; ]", block, maxsplit=1)[0]): block for block in found if not block.startswith("#")}


def needed_by(block: str) -> set[str]:
    """Whose requirement a package of the lock is."""
    _, _, via = block.partition("# via")
    return {normal(line.strip(" #").split(" ")[0]) for line in via.splitlines() if line.strip(" #")}


def roots(pyproject: str, names: Iterable[str]) -> set[str]:
    """The packages that pyproject.toml names for these services; a name that is no service is a package."""
    project = tomllib.loads(pyproject)["project"]
    extras: dict[str, list[str]] = project["optional-dependencies"]
    asked: list[str] = []
    for name in names:
        asked += [*project["dependencies"], *extras[name]] if name in extras else [name]
    return {normal(re.split(r"[^\w.-]", requirement, maxsplit=1)[0]) for requirement in asked}


def requirements(lock: str, pyproject: str, names: Iterable[str]) -> str:
    """The part of the lock that `names` need, in the order of the lock. Raises KeyError where it lacks one."""
    packages = blocks(lock)
    parents = {name: needed_by(block) - {US} for name, block in packages.items()}
    wanted = roots(pyproject, names)
    if lacking := sorted(wanted - packages.keys()):
        raise KeyError(f"not in requirements.lock: {', '.join(lacking)}")
    while more := {name for name, by in parents.items() if by & wanted} - wanted:
        wanted |= more
    return "".join(block for name, block in packages.items() if name in wanted)


def project(pyproject: str, service: str) -> str:
    """pyproject.toml without the commands of other services, and without files that no image holds."""
    kept, among_commands = [], False
    for line in pyproject.splitlines(keepends=True):
        if line.startswith("["):
            among_commands = line.strip() == COMMANDS
        elsewhere = among_commands and "=" in line and f'"services.{service}.' not in line
        if not elsewhere and not line.startswith("readme ="):
            kept.append(line)
    return "".join(kept)


def main(what: str, *names: str) -> None:
    pyproject = Path("pyproject.toml").read_text(encoding="utf-8")
    if what == "requirements":
        print(requirements(Path("requirements.lock").read_text(encoding="utf-8"), pyproject, names), end="")
    else:
        print(project(pyproject, *names), end="")


if __name__ == "__main__":
    main(*sys.argv[1:])
