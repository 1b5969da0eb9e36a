"""Each overlay on a real API server, with Pod Security, controllers and scheduler: `make test-k8s`."""

import threading
from pathlib import Path

import pytest
import yaml

from tests.contract.documents import ROOT
from tests.contract.manifests import K8S, SERVICES, Manifests
from tests.deploy.k8s.conftest import Installed
from tests.servers import wait_until

LONG = "300s"
PEOPLES = str(K8S / "sipas.sh")
KINDS = {"board": "deployment", "limiter": "deployment"}


def kind(name: str) -> str:
    return KINDS.get(name, "statefulset")


def test_all_of_it_is_admitted_without_a_warning_and_nothing_of_it_is_dropped(installed: Installed) -> None:
    """The fixture has applied it with warnings as errors; the server holds what was said, field by field."""
    done = installed.run("diff", "-k", str(K8S / "overlays" / installed.overlay))
    # replicas were not said, and so are no difference
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rollout_completes_and_every_claim_has_a_volume(installed: Installed) -> None:
    for one in Manifests(installed.overlay).of("Deployment", "StatefulSet"):
        name = f"{one['kind'].lower()}/{one['metadata']['name']}"
        installed.do("-n", "sipas", "rollout", "status", name, f"--timeout={LONG}")
    claims = {one["metadata"]["name"]: one["status"]["phase"] for one in installed.get("persistentvolumeclaims")}
    assert set(claims.values()) == {"Bound"}
    assert {"backup", "spool-survey-0"} <= set(claims)


def test_there_are_as_many_pods_as_the_overlay_promises(installed: Installed) -> None:
    """In the province the autoscalers see to it: without any metric they still keep to their minimum."""
    wanted = {"dev": 1, "province": 2, "nation": 3}[installed.overlay]
    for name in SERVICES:
        wait_until(lambda name=name: len(installed.running(name)) == wanted, 120, f"{wanted} pods of {name}")


def test_pods_of_a_service_are_on_different_nodes_and_in_different_zones(installed: Installed) -> None:
    zones = {
        node["metadata"]["name"]: node["metadata"]["labels"]["topology.kubernetes.io/zone"]
        for node in installed.get("nodes")
    }
    for name in SERVICES:
        nodes = list(installed.running(name).values())
        assert len(set(nodes)) == len(nodes), name
        if installed.overlay == "nation":
            assert {zones[node] for node in nodes} == set(zones.values()), name


def test_the_jobs_of_the_installation_complete(installed: Installed) -> None:
    for one in Manifests(installed.overlay).of("Job"):
        installed.do(
            "-n", "sipas", "wait", "--for=condition=Complete", f"--timeout={LONG}", f"job/{one['metadata']['name']}"
        )


def test_a_password_that_only_one_of_pod_and_strimzi_has_is_copied_to_the_other(installed: Installed) -> None:
    if installed.overlay != "nation":
        pytest.skip("only the nation's Kafka has users")
    before = passwords(installed)
    assert len(set(before.values())) == 6
    installed.do("-n", "sipas", "delete", "secret", "sipas-kafka-board")
    installed.do("-n", "sipas-kafka", "delete", "secret", "sipas-kafka-survey")
    said = installed.script(str(K8S / "create-secrets.sh"), "cluster", "-")
    made = {line.removesuffix(" made") for line in said.splitlines() if line.endswith(" made")}
    assert made == {"sipas/sipas-kafka-board", "sipas-kafka/sipas-kafka-survey"}
    assert passwords(installed) == before


def passwords(installed: Installed) -> dict[str, str]:
    """Secret -> the password of a user of Kafka, as Strimzi reads it and as the pods do: the same."""
    found = [
        {
            one["metadata"]["name"]: one["data"]["password"]
            for one in installed.get("secrets", namespace=namespace)
            if one["metadata"]["name"].startswith("sipas-kafka-")
        }
        for namespace in ("sipas", "sipas-kafka")
    ]
    assert found[0] == found[1]
    return found[0]


def test_a_persons_command_takes_files_with_it_brings_files_back_and_leaves_no_pod(
    installed: Installed, tmp_path: Path
) -> None:
    data = ROOT / "tests/data/drop-cases.csv"
    done = installed.try_script(PEOPLES, "backtest", str(data), "--plot", "drawn here.png", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "case-02: 212 reporting days" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["drawn here.png"]
    assert (tmp_path / "drawn here.png").read_bytes().startswith(b"\x89PNG")
    assert not peoples_jobs(installed)


def test_a_persons_command_ends_as_it_ends_there(installed: Installed, tmp_path: Path) -> None:
    # this "pod" has no settings
    done = installed.try_script(PEOPLES, "topics", "create", cwd=tmp_path)
    assert done.returncode == 2
    assert "SIPAS_KAFKA_BOOTSTRAP is missing" in done.stderr
    # what a service says of an unfinished period, and the like
    (tmp_path / "empty.csv").write_text("")
    assert installed.try_script(PEOPLES, "backtest", "empty.csv", cwd=tmp_path).returncode == 1
    assert [path.name for path in tmp_path.iterdir()] == ["empty.csv"]
    assert not peoples_jobs(installed)


def test_a_persons_command_that_gets_no_pod_says_why(installed: Installed, tmp_path: Path) -> None:
    nodes = [node["metadata"]["name"] for node in installed.get("nodes")]
    installed.env["PATIENCE"] = "10s"
    installed.do("cordon", *nodes)
    try:
        done = installed.try_script(PEOPLES, "verify", cwd=tmp_path)
    finally:
        del installed.env["PATIENCE"]
        installed.do("uncordon", *nodes)
    assert done.returncode == 1
    assert "nodes are available" in done.stderr
    assert not peoples_jobs(installed)


def peoples_jobs(installed: Installed) -> list[str]:
    """Those that the script made and that nobody has deleted."""
    return [
        job["metadata"]["name"]
        for job in installed.get("jobs")
        if job["metadata"]["name"].startswith("sipas-") and "deletionTimestamp" not in job["metadata"]
    ]


def test_the_pod_of_a_persons_command_has_the_image_and_the_rights_for_it(installed: Installed) -> None:
    installed.do("-n", "sipas", "create", "job", "--from=cronjob/operator-aggregator", "by-hand")
    installed.do("-n", "sipas", "wait", "--for=jsonpath={.status.ready}=1", "job/by-hand", f"--timeout={LONG}")
    (pod,) = installed.get("pods", "-l", "job-name=by-hand")
    assert pod["spec"]["containers"][0]["image"].startswith("sipas-aggregator:")
    assert pod["metadata"]["labels"]["app.kubernetes.io/name"] == "operator"
    installed.do("-n", "sipas", "delete", "job", "by-hand")


def test_the_registry_is_loaded_by_a_job_of_the_suspended_cronjob(installed: Installed) -> None:
    sample = K8S.parents[1] / "services/board/sample/registry.yaml"
    installed.do("-n", "sipas", "create", "configmap", "sipas-registry", f"--from-file={sample}")
    installed.do("-n", "sipas", "create", "job", "--from=cronjob/registry-load", "registry-load-1")
    installed.do("-n", "sipas", "wait", "--for=condition=Complete", f"--timeout={LONG}", "job/registry-load-1")
    (pod,) = installed.get("pods", "-l", "job-name=registry-load-1")
    assert pod["spec"]["containers"][0]["image"].startswith("sipas-board:")


def test_a_pod_that_is_not_restricted_is_refused(installed: Installed) -> None:
    """Or nothing would be proven by ours being admitted."""
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "root", "image": "redis:7.2"}]},
    }
    refused = installed.run("-n", "sipas", "create", "-f", "-", text=yaml.safe_dump(pod))
    assert refused.returncode == 1
    assert 'violates PodSecurity "restricted' in refused.stderr


@pytest.mark.parametrize(
    ("kind", "misspelt"),
    [
        ("Kafka", "listener"),
        ("KafkaTopic", "partition"),
        ("KafkaUser", "authorisation"),
        ("ScaledObject", "trigger"),
        ("ServiceMonitor", "endpoint"),
    ],
)
def test_a_misspelt_field_of_an_operators_resource_is_refused(installed: Installed, kind: str, misspelt: str) -> None:
    """The definitions that admitted ours are the operators' own, and strict."""
    found = Manifests(installed.overlay).of(kind)
    if not found:
        pytest.skip(f"{installed.overlay} has no {kind}")
    wrong = found[0] | {"spec": found[0]["spec"] | {misspelt: []}}
    refused = installed.run("apply", "--dry-run=server", "-f", "-", text=yaml.safe_dump(wrong))
    assert refused.returncode == 1
    assert f'unknown field "spec.{misspelt}"' in refused.stderr


def test_a_node_is_drained_and_no_service_has_less_than_all_but_one_of_its_pods(installed: Installed) -> None:
    before = {name: len(installed.running(name)) for name in SERVICES}
    node = next(iter(installed.running("survey").values()))
    fewest = dict(before)
    done = threading.Event()

    def watch() -> None:
        while not done.is_set():
            for name in SERVICES:
                fewest[name] = min(fewest[name], len(installed.running(name)))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        installed.do("drain", node, "--ignore-daemonsets", "--delete-emptydir-data", f"--timeout={LONG}")
    finally:
        done.set()
        watching.join()
    for name in SERVICES:
        installed.do("-n", "sipas", "rollout", "status", f"{kind(name)}/{name}", f"--timeout={LONG}")
        assert fewest[name] >= before[name] - 1
        assert node not in installed.running(name).values()
    assert not [pod for pod in installed.get("pods") if pod["spec"].get("nodeName") == node and not ended(pod)]
    installed.do("uncordon", node)


def ended(pod: dict[str, dict[str, str]]) -> bool:
    return pod["status"]["phase"] in {"Succeeded", "Failed"}


def test_a_second_node_is_not_drained_while_the_pod_of_the_first_has_no_place(installed: Installed) -> None:
    """The budget, and not the speed of the scheduler, is what keeps a service up."""
    if installed.overlay == "dev":
        pytest.skip("dev has one pod of each service, and no promise")
    nodes = [node["metadata"]["name"] for node in installed.get("nodes")]
    on = list(installed.running("survey").values())
    for node in nodes:
        installed.do("cordon", node)
    try:
        drain = ["--ignore-daemonsets", "--delete-emptydir-data", "--pod-selector=app.kubernetes.io/name=survey"]
        installed.do("drain", on[0], *drain, f"--timeout={LONG}")
        refused = installed.run("drain", on[1], *drain, "--timeout=6s")
        assert refused.returncode == 1
        assert "violate the pod's disruption budget" in refused.stderr
        assert len(installed.running("survey")) == len(on) - 1
    finally:
        for node in nodes:
            installed.do("uncordon", node)
    wait_until(lambda: len(installed.running("survey")) == len(on), 120, "the pod to have a place")


def test_a_volume_whose_survey_was_scaled_away_is_kept_and_drained_by_a_job(installed: Installed) -> None:
    number = len(installed.running("survey"))
    orphan = f"spool-survey-{number}"
    # autoscalers have no say in this one
    installed.do("-n", "sipas", "delete", "horizontalpodautoscaler", "--all")
    installed.do("-n", "sipas", "scale", "statefulset/survey", f"--replicas={number + 1}")
    wait_until(lambda: len(installed.running("survey")) == number + 1, 120, "one survey more")
    installed.do("-n", "sipas", "scale", "statefulset/survey", f"--replicas={number}")
    installed.do("-n", "sipas", "wait", "--for=delete", f"pod/survey-{number}", f"--timeout={LONG}")
    said = installed.script(str(K8S / "drain-orphans.sh"))
    assert f"{orphan}: sent" in said
    assert said.count("runs, and sends by itself") == number
    (pod,) = installed.get("pods", "-l", f"job-name=drain-survey-{number}")
    assert pod["spec"]["containers"][0]["command"] == ["sipas", "spool", "drain"]
    assert {"claimName": orphan} in [volume.get("persistentVolumeClaim") for volume in pod["spec"]["volumes"]]
    (claim,) = [one for one in installed.get("persistentvolumeclaims") if one["metadata"]["name"] == orphan]
    assert claim["status"]["phase"] == "Bound"


def test_another_image_rolls_through_one_pod_after_the_other(installed: Installed) -> None:
    for name in SERVICES:
        installed.do("-n", "sipas", "set", "image", f"{kind(name)}/{name}", f"{name}=sipas-{name}:0.1.1")
    for name in SERVICES:
        installed.do("-n", "sipas", "rollout", "status", f"{kind(name)}/{name}", f"--timeout={LONG}")
        pods = installed.get("pods", "-l", f"app.kubernetes.io/name={name}")
        images = {pod["spec"]["containers"][0]["image"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}
        assert images == {f"sipas-{name}:0.1.1"}
