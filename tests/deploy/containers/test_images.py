"""What is in an image, and what is not: asked in the image itself."""

import json
from typing import Any

import pytest

from deploy.docker import cut
from tests.contract.test_architecture import ENTRY_POINTS, PROJECT, SERVICES
from tests.contract.test_compose import LOCK, PYPROJECT
from tests.deploy.containers.podman import podman

ASK = """
import importlib, importlib.metadata, json, os, pathlib, shutil, sys

def has(module):
    try:
        importlib.import_module(module)
    except ModuleNotFoundError:
        return False
    return True

def writes(folder):
    try:
        pathlib.Path(folder, "written").touch()
    except OSError:
        return False
    return True

print(json.dumps({
    "modules": {module: has(module) for module in sys.argv[1:]},
    "packages": sorted(found.name for found in importlib.metadata.distributions()),
    "commands": sorted(found.name for found in importlib.metadata.entry_points(group="sipas.commands")),
    "user": [os.getuid(), os.getgid()],
    "folder": os.getcwd(),
    "writes": [folder for folder in ("/app", "/opt/sipas", "/usr/local/bin", "/etc", "/tmp") if writes(folder)],
    "programs": [program for program in ("pip", "pip3", "gcc", "cc", "make") if shutil.which(program)],
}))
"""
OTHERS = ["pip", "setuptools", "wheel", "ensurepip"]


@pytest.fixture(scope="module", params=SERVICES)
def asked(request: pytest.FixtureRequest, images: dict[str, str]) -> tuple[str, dict[str, Any]]:
    """(service, what its image says of itself); run as the compose file runs it."""
    as_composed = ["--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    modules = [*(f"services.{service}" for service in SERVICES), *OTHERS]
    service: str = request.param
    said = podman("run", "--rm", "--network", "none", *as_composed, images[service], "python", "-c", ASK, *modules)
    return service, json.loads(said.stdout)


def test_its_own_service_can_be_imported_and_no_other(asked: tuple[str, dict[str, Any]]) -> None:
    service, said = asked
    found = {module for module, there in said["modules"].items() if there}
    assert found & {f"services.{one}" for one in SERVICES} == {f"services.{service}"}


def test_it_has_its_own_packages_only(asked: tuple[str, dict[str, Any]]) -> None:
    service, said = asked
    wanted = set(cut.blocks(cut.requirements(LOCK, PYPROJECT, [service]))) | {"sipas"}
    assert {cut.normal(name) for name in said["packages"]} == wanted


def test_it_has_its_own_commands_only(asked: tuple[str, dict[str, Any]]) -> None:
    service, said = asked
    assert said["commands"] == sorted(
        name for name, where in ENTRY_POINTS.items() if where.startswith(f"services.{service}.")
    )


def test_nothing_in_it_installs_or_compiles(asked: tuple[str, dict[str, Any]]) -> None:
    _, said = asked
    assert said["programs"] == []
    assert not any(said["modules"][module] for module in OTHERS)


def test_it_runs_as_a_user_without_rights_and_can_write_in_tmp_only(asked: tuple[str, dict[str, Any]]) -> None:
    _, said = asked
    assert said["user"] == [10001, 10001]
    assert said["folder"] == "/app"
    assert said["writes"] == ["/tmp"]


@pytest.mark.parametrize("service", SERVICES)
def test_it_says_what_it_is(images: dict[str, str], service: str) -> None:
    (found,) = json.loads(podman("image", "inspect", images[service]).stdout)
    labels = found["Labels"]
    assert labels["org.opencontainers.image.title"] == f"sipas-{service}"
    assert labels["org.opencontainers.image.version"] == PROJECT["version"]
    assert labels["org.opencontainers.image.licenses"] == PROJECT["license"]
    assert found["HealthCheck"] if "HealthCheck" in found else found["Healthcheck"]
