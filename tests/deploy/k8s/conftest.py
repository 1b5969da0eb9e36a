"""An overlay, installed as docs/kubernetes.md says, on a real API server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.manifests import K8S, OVERLAYS, SERVICES
from tests.deploy.k8s.control_plane import Cluster, control_plane

CERTIFICATE = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 -subj /CN=tests"
REPLICAS = 3
"""As many as KEDA, which is not here, would ask for at least."""


class Installed(Cluster):
    """A cluster with one overlay on it."""

    def __init__(self, cluster: Cluster, overlay: str) -> None:
        self.env = cluster.env
        self.overlay = overlay


@pytest.fixture(scope="module", params=OVERLAYS)
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installed]:
    directory = tmp_path_factory.mktemp(request.param)
    with control_plane(directory / "control-plane") as cluster:
        install(cluster, request.param, directory)
        yield Installed(cluster, request.param)


def install(cluster: Cluster, overlay: str, directory: Path) -> None:
    """The steps of the guide."""
    cluster.do("apply", "-f", str(K8S / "base/namespace.yaml"), "-n", "sipas")
    secrets = [
        str(K8S / "create-secrets.sh"),
        "cluster" if overlay == "nation" else "single",
        "smtp://mail.example:587",
    ]
    assert cluster.script(*secrets).count(" made") == 5
    assert cluster.script(*secrets).count(" exists") == 5
    key, certificate = directory / "tls.key", directory / "tls.crt"
    cluster.script(*CERTIFICATE.split(), "-keyout", str(key), "-out", str(certificate))
    for name in ("sipas-survey-tls", "sipas-board-tls"):
        cluster.do("-n", "sipas", "create", "secret", "tls", name, f"--cert={certificate}", f"--key={key}")
    cluster.do("apply", "-k", str(K8S / "overlays" / overlay))
    if overlay == "nation":
        for name in SERVICES:
            kind = "deployment" if name == "board" else "statefulset"
            cluster.do("-n", "sipas", "scale", f"{kind}/{name}", f"--replicas={REPLICAS}")
