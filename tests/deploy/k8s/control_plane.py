"""A real API server with its controllers and its scheduler, on the loopback, and kwok's nodes, which run nothing.

What they do not do: no container is started, so no probe, image, hook or limit is tried; nobody enforces a
NetworkPolicy; there is no metrics server, so an autoscaler sees only its minimum. `kubectl exec` is answered, by a
process of this machine with the programs of .venv.
"""

import json
import os
import secrets
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import yaml

from deploy.local.programs import HOST, ROOT
from tests.contract.manifests import NAME, kubectl
from tests.servers import Program, free_port, wait_until

BUILT = ROOT / ".local/k8s"
BIN = BUILT / "bin"
NODES = 6
ZONES = 3
VOLUMES = 24
START_S = 300
"""Seconds are enough on an idle machine."""


class ApiServer(Program):
    """kube-apiserver; ready when it says so."""

    def __init__(self, directory: Path, etcd_port: int) -> None:
        self.port = free_port()
        self.token = secrets.token_hex(16)
        self._key = directory / "sa.key"
        (directory / "tokens.csv").write_text(f"{self.token},admin,admin,system:masters\n", encoding="utf-8")
        command = [
            str(BIN / "kube-apiserver"),
            f"--etcd-servers=http://{HOST}:{etcd_port}",
            f"--secure-port={self.port}",
            f"--bind-address={HOST}",
            f"--cert-dir={directory / 'pki'}",
            f"--service-account-key-file={self._key}",
            f"--service-account-signing-key-file={self._key}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--token-auth-file={directory / 'tokens.csv'}",
            "--authorization-mode=AlwaysAllow",
            "--service-cluster-ip-range=10.0.0.0/24",
            # the fake nodes' names lead nowhere
            "--kubelet-preferred-address-types=InternalIP",
            # it would wait for tokens that no kubelet here needs
            "--disable-admission-plugins=ServiceAccount",
        ]
        super().__init__("apiserver", command, directory)

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}"

    def ready(self) -> bool:
        request = urllib.request.Request(f"{self.url}/readyz", headers={"Authorization": f"Bearer {self.token}"})
        try:
            with urllib.request.urlopen(request, timeout=5, context=ssl._create_unverified_context()) as answer:
                return bool(answer.read() == b"ok")
        except (urllib.error.URLError, OSError):
            return False


class Cluster:
    """What a test asks of it."""

    def __init__(self, kubeconfig: Path) -> None:
        path = f"{Path(kubectl()).parent}:{os.environ['PATH']}"
        self.env = {**os.environ, "KUBECONFIG": str(kubeconfig), "KUBECTL": kubectl(), "PATH": path}

    def run(self, *words: str, text: str | None = None) -> "subprocess.CompletedProcess[str]":
        """kubectl, whatever comes of it."""
        command = [kubectl(), *words]
        return subprocess.run(command, env=self.env, input=text, capture_output=True, text=True, check=False)

    def do(self, *words: str, text: str | None = None) -> str:
        """kubectl; what it printed. An error, and a warning of the server, fails."""
        done = self.run("--warnings-as-errors", *words, text=text)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def try_script(self, *words: str, cwd: Path = ROOT) -> "subprocess.CompletedProcess[str]":
        """A script of deploy/k8s, whatever comes of it."""
        return subprocess.run(words, cwd=cwd, env=self.env, capture_output=True, text=True, check=False)

    def script(self, *words: str) -> str:
        """A script of deploy/k8s; what it printed."""
        done = self.try_script(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def get(self, kind: str, *words: str, namespace: str = "sipas") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.do("-n", namespace, "get", kind, "-o", "json", *words))["items"]
        return found

    def running(self, name: str) -> dict[str, str]:
        """The ready pods of a service, and the nodes that they are on."""
        return {
            pod["metadata"]["name"]: pod["spec"]["nodeName"]
            for pod in self.get("pods", "-l", f"app.kubernetes.io/name={name}")
            if "deletionTimestamp" not in pod["metadata"]
            and any(one["type"] == "Ready" and one["status"] == "True" for one in pod["status"].get("conditions", []))
        }


@contextmanager
def control_plane(directory: Path) -> Iterator[Cluster]:
    """An empty cluster of six nodes in three zones, with volumes to claim."""
    directory.mkdir(parents=True, exist_ok=True)
    subprocess.run(["openssl", "genrsa", "-out", str(directory / "sa.key"), "2048"], check=True, capture_output=True)
    etcd_port, peer_port = free_port(), free_port()
    etcd = Program(
        "etcd",
        [
            str(BIN / "etcd"),
            f"--data-dir={directory / 'etcd'}",
            f"--listen-client-urls=http://{HOST}:{etcd_port}",
            f"--advertise-client-urls=http://{HOST}:{etcd_port}",
            f"--listen-peer-urls=http://{HOST}:{peer_port}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ],
        directory,
    )
    server = ApiServer(directory, etcd_port)
    kubeconfig = directory / "kubeconfig"
    kubeconfig.write_text(yaml.safe_dump(_kubeconfig(server)), encoding="utf-8")
    follows = [f"--kubeconfig={kubeconfig}", "--leader-elect=false", f"--bind-address={HOST}"]
    kubelet_port = free_port()
    (directory / "kwok.yaml").write_text(yaml.safe_dump_all([*_stages(), _exec(directory)]), encoding="utf-8")
    others = [
        Program(
            "controller-manager",
            [
                str(BIN / "kube-controller-manager"),
                *follows,
                f"--secure-port={free_port()}",
                f"--service-account-private-key-file={directory / 'sa.key'}",
            ],
            directory,
        ),
        Program("scheduler", [str(BIN / "kube-scheduler"), *follows, f"--secure-port={free_port()}"], directory),
        Program(
            "kwok",
            [
                str(BIN / "kwok"),
                f"--kubeconfig={kubeconfig}",
                "--manage-all-nodes=true",
                # the nodes' heartbeat: without it they are lost after fifty seconds, with their pods
                "--node-lease-duration-seconds=40",
                f"--config={directory / 'kwok.yaml'}",
                f"--node-ip={HOST}",
                f"--node-port={kubelet_port}",
                f"--server-address={HOST}:{kubelet_port}",
                # whoever they are: nobody asks
                f"--tls-cert-file={directory / 'pki/apiserver.crt'}",
                f"--tls-private-key-file={directory / 'pki/apiserver.key'}",
            ],
            directory,
        ),
    ]
    with ExitStack() as running:
        for program in (etcd, server, *others):
            # from the end to the beginning
            running.callback(program.stop)
            program.start(START_S)
        cluster = Cluster(kubeconfig)
        cluster.do("create", "-f", "-", text=yaml.safe_dump_all([*_nodes(), *_volumes()]))
        wait_until(lambda: _ready_nodes(cluster) == NODES, START_S, "the nodes to be ready")
        definitions = [f"--filename={path}" for path in sorted((BUILT / "definitions").glob("*.yaml"))]
        # applied as they are; what their authors are warned of is not ours to mend
        made = cluster.run("create", *definitions)
        assert made.returncode == 0, made.stderr
        # `kubectl wait` fails for one that has no conditions yet
        established = ("wait", "--for=condition=Established", "--timeout=1s", "crd", "--all")
        wait_until(lambda: cluster.run(*established).returncode == 0, START_S, "the operators' resources to be known")
        yield cluster


def _stages() -> Iterator[dict[str, Any]]:
    """What happens to nodes and pods. Jobs' pods complete at once, but for those that wait for a person's command."""
    for path in sorted((BUILT / "stages").glob("*.yaml")):
        stage = yaml.safe_load(path.read_text(encoding="utf-8"))
        if stage["metadata"]["name"] == "pod-complete":
            waits = {"key": f'.metadata.labels["{NAME}"]', "operator": "NotIn", "values": ["operator"]}
            stage["spec"]["selector"]["matchExpressions"].append(waits)
        yield stage


def _exec(directory: Path) -> dict[str, Any]:
    """`kubectl exec`, into whatever pod, runs the command here."""
    (directory / "pod").mkdir()
    env = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "TMPDIR": str(directory / "pod")}
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "ClusterExec",
        "metadata": {"name": "here"},
        "spec": {"execs": [{"local": {"envs": [{"name": name, "value": value} for name, value in env.items()]}}]},
    }


def _kubeconfig(server: ApiServer) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "tests",
        "contexts": [{"name": "tests", "context": {"cluster": "tests", "user": "admin"}}],
        "clusters": [{"name": "tests", "cluster": {"server": server.url, "insecure-skip-tls-verify": True}}],
        "users": [{"name": "admin", "user": {"token": server.token}}],
    }


def _nodes() -> Iterator[dict[str, Any]]:
    room = {"cpu": "32", "memory": "64Gi", "pods": "110", "ephemeral-storage": "100Gi"}
    for number in range(NODES):
        name = f"node-{number}"
        yield {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": name,
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {
                    "kubernetes.io/hostname": name,
                    "topology.kubernetes.io/zone": f"zone-{number % ZONES}",
                },
            },
            "status": {"allocatable": room, "capacity": room},
        }


def _volumes() -> Iterator[dict[str, Any]]:
    """A default storage class, and volumes for whoever claims one. A pod may follow them to any node."""
    yield {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": "disks", "annotations": {"storageclass.kubernetes.io/is-default-class": "true"}},
        "provisioner": "kubernetes.io/no-provisioner",
    }
    for number in range(VOLUMES):
        yield {
            "apiVersion": "v1",
            "kind": "PersistentVolume",
            "metadata": {"name": f"disk-{number}"},
            "spec": {
                "storageClassName": "disks",
                "capacity": {"storage": "1Ti"},
                "accessModes": ["ReadWriteOnce"],
                "hostPath": {"path": f"/disks/{number}"},
            },
        }


def _ready_nodes(cluster: Cluster) -> int:
    nodes: Sequence[dict[str, Any]] = cluster.get("nodes")
    return sum(
        any(one["type"] == "Ready" and one["status"] == "True" for one in node["status"].get("conditions", []))
        for node in nodes
    )
