"""What `kubectl kustomize` makes of each overlay, and what a test asks of it. Nothing here needs a server."""

import base64
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from deploy.kafka.access import Allowed
from tests.contract.documents import ROOT

K8S = ROOT / "deploy/k8s"
OVERLAYS = ("dev", "province", "nation")
NAMESPACE = "sipas"
NAME = "app.kubernetes.io/name"
COMPONENT = "app.kubernetes.io/component"
SERVICES = ("survey", "aggregator", "notifier", "board")
RESOURCES = {"topic": "TOPIC", "group": "GROUP", "transactionalId": "TRANSACTIONAL_ID"}
"""As Strimzi calls them, and as Kafka does."""

Object = dict[str, Any]


def kubectl() -> str:
    """kubectl from PATH, or the one that `make test-k8s` built."""
    found = shutil.which("kubectl") or shutil.which("kubectl", path=str(ROOT / ".local/k8s/bin"))
    if found is None:
        # `make test` installs neither kubectl nor Go to build it with; pytest prints this at its end (-ra)
        pytest.skip("kubectl is not installed: nothing of deploy/k8s was checked")
    return found


@cache
def _rendered(program: str, overlay: str) -> tuple[Object, ...]:
    command = [program, "kustomize", str(K8S / "overlays" / overlay)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
    return tuple(yaml.load_all(made.stdout, Loader=yaml.CSafeLoader))


NO_SERVER = """#!/bin/sh
case " $* " in *" get "*) exit 1 ;; esac
{0} "$@" --dry-run=client -o yaml >>{1} && echo --- >>{1}
"""
"""kubectl, where no Secret is yet, and which says what it would make."""

Secrets = Mapping[tuple[str, str], Mapping[str, str]]
"""(Namespace, name) -> key -> value."""


@cache
def created(mode: str) -> Secrets:
    """The Secrets that create-secrets.sh makes, with their values."""
    with tempfile.TemporaryDirectory() as directory:
        program, made = Path(directory, "kubectl"), Path(directory, "made.yaml")
        program.write_text(NO_SERVER.format(kubectl(), made), encoding="utf-8")
        program.chmod(0o700)
        command = [str(K8S / "create-secrets.sh"), mode, "smtp://user:password@mail.example:587"]
        done = subprocess.run(
            command, env=os.environ | {"KUBECTL": str(program)}, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        found = [one for one in yaml.load_all(made.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader) if one]
    return {
        (one["metadata"]["namespace"], one["metadata"]["name"]): {
            key: base64.b64decode(value).decode() for key, value in one["data"].items()
        }
        for one in found
    }


class Pod(NamedTuple):
    """The template of a workload's pods. `runs_on` is false where they end by themselves."""

    kind: str
    workload: str
    labels: Mapping[str, str]
    spec: Object
    runs_on: bool

    @property
    def role(self) -> str:
        """Who the pod is in the table "Who may talk to whom"."""
        return self.labels[NAME]

    @property
    def containers(self) -> list[Object]:
        return [*self.spec.get("initContainers", []), *self.spec["containers"]]

    @property
    def main(self) -> Object:
        found: Object = self.spec["containers"][0]
        return found


class Manifests:
    """All objects of an overlay."""

    def __init__(self, overlay: str) -> None:
        self.overlay = overlay
        self.objects = _rendered(kubectl(), overlay)
        self.created = created("cluster" if overlay == "nation" else "single")

    def of(self, *kinds: str) -> list[Object]:
        return [one for one in self.objects if one["kind"] in kinds]

    def named(self, kind: str, name: str) -> Object:
        (found,) = [one for one in self.of(kind) if one["metadata"]["name"] == name]
        return found

    @property
    def pods(self) -> list[Pod]:
        return [*self._pods()]

    def _pods(self) -> Iterator[Pod]:
        for one in self.of("Deployment", "StatefulSet", "Job", "CronJob"):
            spec = one["spec"]["jobTemplate"]["spec"] if one["kind"] == "CronJob" else one["spec"]
            template = spec["template"]
            runs_on = one["kind"] in {"Deployment", "StatefulSet"}
            yield Pod(one["kind"], one["metadata"]["name"], template["metadata"]["labels"], template["spec"], runs_on)

    def pod(self, workload: str) -> Pod:
        (found,) = [pod for pod in self.pods if pod.workload == workload]
        return found

    def selected(self, selector: Object) -> list[Pod]:
        """The pods that a selector means."""
        return [pod for pod in self.pods if matches(selector, pod.labels)]

    def rights(self) -> Iterator[Allowed]:
        """What the KafkaUsers allow."""
        for user in self.of("KafkaUser"):
            for one in user["spec"]["authorization"]["acls"]:
                resource = one["resource"]
                prefixed = resource.get("patternType", "literal") == "prefix"
                for operation in one["operations"]:
                    kind = RESOURCES[resource["type"]]
                    yield Allowed(user["metadata"]["name"], kind, resource["name"], prefixed, operation)

    def environment(self, pod: Pod) -> dict[str, str]:
        """What the first container's process finds, with the Secrets that create-secrets.sh makes; others are not."""
        found: dict[str, str] = {}
        for source in pod.main.get("envFrom", []):
            found |= self.named("ConfigMap", source["configMapRef"]["name"])["data"]
        for entry in pod.main.get("env", []):
            if "value" in entry:
                found[entry["name"]] = entry["value"]
                continue
            source = entry["valueFrom"]
            if "secretKeyRef" in source:
                secret = self.created.get((NAMESPACE, source["secretKeyRef"]["name"]), {})
                if source["secretKeyRef"]["key"] in secret:
                    found[entry["name"]] = secret[source["secretKeyRef"]["key"]]
            else:
                found[entry["name"]] = {"metadata.name": f"{pod.workload}-0", "status.podIP": "10.0.0.1"}[
                    source["fieldRef"]["fieldPath"]
                ]
        return found


def matches(selector: Object, labels: Mapping[str, str]) -> bool:
    """Whether a label selector means an object with these labels."""
    expressions = selector.get("matchExpressions", [])
    assert all(one["operator"] == "In" for one in expressions), "this test knows no other operator"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items()) and all(
        labels.get(one["key"]) in one["values"] for one in expressions
    )


BYTES = {"Ki": 2**10, "Mi": 2**20, "Gi": 2**30}


def size(quantity: str) -> int:
    """Bytes of a quantity such as 2Gi."""
    return int(quantity[:-2]) * BYTES[quantity[-2:]]
