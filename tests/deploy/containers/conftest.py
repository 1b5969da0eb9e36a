import uuid
from collections.abc import Iterator

import pytest
import yaml

from tests.deploy.containers import base_images
from tests.deploy.containers.compose_stack import SERVICES, ComposeStack
from tests.deploy.containers.podman import ROOT, podman


@pytest.fixture(scope="session")
def images() -> dict[str, str]:
    """Service -> name of its image, built from this working tree."""
    base_images.main()
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    for name in SERVICES:
        build = ["-f", services[name]["build"]["dockerfile"], "--target", services[name]["build"]["target"]]
        podman("build", "-q", *build, "-t", services[name]["image"], ".", timeout_s=1200)
    return {name: services[name]["image"] for name in SERVICES}


@pytest.fixture(scope="module")
def fresh(images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[ComposeStack]:
    """Nothing is started yet."""
    assert images
    stack = ComposeStack(f"sipastest{uuid.uuid4().hex[:6]}", tmp_path_factory.mktemp("compose"))
    try:
        yield stack
    finally:
        stack.discard()
