"""An overlay, installed as docs/kubernetes.md says, on a real API server."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.documents import ROOT
from tests.contract.manifests import K8S, OVERLAYS, SERVICES, created
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
    if overlay == "nation":
        cluster.do("apply", "-f", str(K8S / "overlays/nation/kafka/namespace.yaml"))
    mode = "cluster" if overlay == "nation" else "single"
    secrets = [str(K8S / "create-secrets.sh"), mode, "smtp://mail.example:587"]
    assert cluster.script(*secrets).count(" made") == len(created(mode))
    assert cluster.script(*secrets).count(" exists") == len(created(mode))
    key, certificate = directory / "tls.key", directory / "tls.crt"
    cluster.script(*CERTIFICATE.split(), "-keyout", str(key), "-out", str(certificate))
    for name in ("sipas-survey-tls", "sipas-board-tls"):
        cluster.do("-n", "sipas", "create", "secret", "tls", name, f"--cert={certificate}", f"--key={key}")
    cluster.do("apply", "-k", str(K8S / "overlays" / overlay))
    if overlay == "nation":
        trust(cluster, certificate, directory)
        for name in SERVICES:
            kind = "deployment" if name == "board" else "statefulset"
            cluster.do("-n", "sipas", "scale", f"{kind}/{name}", f"--replicas={REPLICAS}")


def trust(cluster: Cluster, certificate: Path, directory: Path) -> None:
    """The guide's lines, after what Strimzi would have done: its authority is made, and Kafka is ready."""
    cluster.do(
        "-n", "sipas-kafka", "create", "secret", "generic", "sipas-cluster-ca-cert", f"--from-file=ca.crt={certificate}"
    )
    ready = '{"status": {"conditions": [{"type": "Ready", "status": "True"}]}}'
    cluster.do("-n", "sipas-kafka", "patch", "kafka/sipas", "--subresource=status", "--type=merge", "-p", ready)
    guide = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
    (lines,) = [block for block in re.findall(r"```sh\n(.*?)```", guide, re.DOTALL) if "sipas-kafka-ca" in block]
    done = cluster.try_script("sh", "-euc", lines, cwd=directory)
    assert done.returncode == 0, done.stderr
    copied = cluster.do("-n", "sipas", "get", "configmap/sipas-kafka-ca", "-o", r"jsonpath={.data.ca\.crt}")
    assert copied == certificate.read_text(encoding="utf-8")
