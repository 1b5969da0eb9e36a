"""`deploy/k8s` says what the code does, and keeps the rules of the house: nothing as root, nothing without limits.

What only an API server can say is in `tests/deploy/k8s` (`make test-k8s`).
"""

import importlib
import re
import tomllib
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import click
import kubernetes_validate
import pytest
import yaml
from prometheus_client import REGISTRY

from deploy.kafka.access import ACLS, allowed
from services.board.server import STOP_WITHIN_S as BOARD_STOPS_WITHIN_S
from services.notifier.mailer import TIMEOUT_S as MAIL_TIMEOUT_S
from services.survey.server import STOP_WITHIN_S as SURVEY_STOPS_WITHIN_S
from sipas.broker import BY_AGENCY, TOPIC_SETTINGS
from sipas.cli import main
from sipas.settings import (
    Address,
    AggregatorSettings,
    BoardSettings,
    Common,
    KafkaSettings,
    LedgerSettings,
    NotifierSettings,
    PublicSettings,
    RestoreSettings,
    SurveySettings,
    TopicsSettings,
    describe,
    load,
)
from tests.contract.documents import ROOT
from tests.contract.manifests import (
    COMPONENT,
    K8S,
    NAME,
    NAMESPACE,
    OVERLAYS,
    SERVICES,
    Manifests,
    Object,
    Pod,
    matches,
    size,
)

KUBERNETES = "1.36"
CUSTOM = {"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser", "ScaledObject", "ServiceMonitor", "PrometheusRule"}
"""Kinds whose schemas are not Kubernetes' own; `make test-k8s` has their definitions."""
PARTS: dict[str, type[Common]] = {
    "survey": SurveySettings,
    "aggregator": AggregatorSettings,
    "notifier": NotifierSettings,
    "board": BoardSettings,
    "topics": TopicsSettings,
    "sample": KafkaSettings,
    "registry-load": KafkaSettings,
    "people-load": KafkaSettings,
    "backup": KafkaSettings,
    "spool-drain": SurveySettings,
    "operator-aggregator": LedgerSettings,
    "operator-notifier": KafkaSettings,
    "operator-board": PublicSettings,
    "restore": RestoreSettings,
}
"""Workload -> the settings that its process loads."""
BY_HAND = {"sipas-people": "people.yaml", "sipas-survey-tls": "tls.crt", "sipas-board-tls": "tls.crt"}
"""Secrets that hold what only an administrator has."""
KNOWN = {setting.name: setting for setting in describe()}
ENTRY_POINTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]


@pytest.fixture(params=OVERLAYS)
def manifests(request: pytest.FixtureRequest) -> Manifests:
    return Manifests(request.param)


def test_every_object_is_of_a_known_kind_and_has_no_unknown_or_misspelt_field(manifests: Manifests) -> None:
    for one in manifests.objects:
        if one["kind"] not in CUSTOM:
            kubernetes_validate.validate(one, KUBERNETES, strict=True)


def test_a_misspelt_field_is_an_error() -> None:
    """Or the test before this one would say nothing."""
    (deployment,) = Manifests("dev").of("Deployment")[:1]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(
            deployment | {"spec": deployment["spec"] | {"replicaz": 2}}, KUBERNETES, strict=True
        )


# --- what every pod keeps to


def test_every_object_of_ours_is_in_its_namespace_where_pods_must_be_restricted(manifests: Manifests) -> None:
    namespaces = {one["metadata"]["name"]: one["metadata"]["labels"] for one in manifests.of("Namespace")}
    assert {one["metadata"].get("namespace") for one in manifests.objects} - {None} == set(namespaces)
    for labels in namespaces.values():
        assert {labels[f"pod-security.kubernetes.io/{mode}"] for mode in ("enforce", "audit", "warn")} == {"restricted"}


def test_no_process_is_root_or_may_become_it_or_writes_beside_its_volumes(manifests: Manifests) -> None:
    for pod in manifests.pods:
        whole = pod.spec["securityContext"]
        assert whole["runAsNonRoot"]
        assert whole["runAsUser"] > 0
        assert whole["runAsGroup"] > 0
        assert whole["seccompProfile"] == {"type": "RuntimeDefault"}
        for container in pod.containers:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }, pod.workload


def test_our_own_processes_run_as_the_user_of_their_images(manifests: Manifests) -> None:
    for pod in manifests.pods:
        if pod.main["image"].startswith("sipas-"):
            whole = pod.spec["securityContext"]
            assert (whole["runAsUser"], whole["runAsGroup"]) == (10001, 10001)


def test_no_pod_holds_a_key_to_the_api_server(manifests: Manifests) -> None:
    for pod in manifests.pods:
        assert pod.spec["automountServiceAccountToken"] is False
        assert pod.spec["serviceAccountName"] == manifests.of("ServiceAccount")[0]["metadata"]["name"]


def test_no_service_becomes_a_setting(manifests: Manifests) -> None:
    """Kubernetes would give every pod KAFKA_SERVICE_HOST, which Kafka's image reads as a broker's setting."""
    assert {pod.spec["enableServiceLinks"] for pod in manifests.pods} == {False}


def test_every_container_says_what_it_needs_and_what_it_may_take_at_most(manifests: Manifests) -> None:
    for pod in manifests.pods:
        for container in pod.containers:
            resources = container["resources"]
            assert set(resources["requests"]) == set(resources["limits"]) == {"cpu", "memory"}, pod.workload
            assert size(resources["requests"]["memory"]) <= size(resources["limits"]["memory"])


def test_every_image_has_a_tag_that_stays(manifests: Manifests) -> None:
    for pod in manifests.pods:
        for container in pod.containers:
            name, _, tag = container["image"].rpartition(":")
            assert name, container["image"]
            assert tag != "latest"


def test_our_own_images_are_of_this_version(manifests: Manifests) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    ours = {pod.main["image"] for pod in manifests.pods if "sipas-" in pod.main["image"]}
    assert ours == {f"sipas-{service}:{version}" for service in SERVICES}


def test_what_runs_on_is_probed_at_start_for_life_and_before_it_gets_work(manifests: Manifests) -> None:
    for pod in manifests.pods:
        if not pod.runs_on:
            continue
        ports = {port["name"] for port in pod.main["ports"]}
        probes = {"livenessProbe", "readinessProbe"} | ({"startupProbe"} if pod.role != "limiter" else set())
        assert probes == {name for name in pod.main if name.endswith("Probe")}, pod.workload
        for probe in probes:
            asked = pod.main[probe].get("httpGet") or pod.main[probe].get("tcpSocket")
            assert asked is None or asked["port"] in ports


def test_our_services_are_probed_on_their_admin_ports(manifests: Manifests) -> None:
    for service in SERVICES:
        container = manifests.pod(service).main
        asked = {name: container[name]["httpGet"] for name in container if name.endswith("Probe")}
        assert asked == {
            "startupProbe": {"path": "/livez", "port": "admin"},
            "livenessProbe": {"path": "/livez", "port": "admin"},
            "readinessProbe": {"path": "/readyz", "port": "admin"},
        }


# --- settings


def settings_of(manifests: Manifests, workload: str) -> Common:
    """What a workload's process loads."""
    given = manifests.environment(manifests.pod(workload))
    if "SIPAS_KAFKA_CA_FILE" in given:
        # a file that is here; where it is in the pod is another test's
        given["SIPAS_KAFKA_CA_FILE"] = __file__
    return load(PARTS[workload], given)


def test_every_setting_that_is_given_exists(manifests: Manifests) -> None:
    for pod in manifests.pods:
        given = {name for name in manifests.environment(pod) if name.startswith("SIPAS_")}
        assert given <= set(KNOWN), pod.workload


def test_every_process_of_ours_has_all_the_settings_it_needs(manifests: Manifests) -> None:
    ours = [pod for pod in manifests.pods if pod.main["image"].startswith("sipas-")]
    assert {pod.workload for pod in ours} <= set(PARTS)
    for pod in ours:
        settings_of(manifests, pod.workload)


def test_secret_settings_come_from_secrets_and_others_do_not(manifests: Manifests) -> None:
    for pod in manifests.pods:
        for entry in pod.main.get("env", []):
            if entry["name"] in KNOWN:
                assert ("secretKeyRef" in entry.get("valueFrom", {})) == KNOWN[entry["name"]].secret, entry["name"]
    settings = manifests.named("ConfigMap", manifests.pod("survey").main["envFrom"][0]["configMapRef"]["name"])["data"]
    assert not [name for name in settings if KNOWN[name].secret]
    assert not manifests.of("Secret")


def test_create_secrets_makes_the_secrets_that_are_asked_for_and_no_other(manifests: Manifests) -> None:
    asked: set[tuple[str, str, str]] = set()
    for pod in manifests.pods:
        for entry in pod.main.get("env", []):
            reference = entry.get("valueFrom", {}).get("secretKeyRef")
            if reference and not reference.get("optional"):
                asked.add((NAMESPACE, reference["name"], reference["key"]))
        mounted = {one["secret"]["secretName"] for one in pod.spec.get("volumes", []) if "secret" in one}
        for name in mounted - set(BY_HAND):
            asked |= {(NAMESPACE, name, key) for key in manifests.created[NAMESPACE, name]}
    for user in manifests.of("KafkaUser"):
        reference = user["spec"]["authentication"]["password"]["valueFrom"]["secretKeyRef"]
        asked.add((user["metadata"]["namespace"], reference["name"], reference["key"]))
    made = {(*secret, key) for secret, values in manifests.created.items() for key in values}
    assert asked <= made
    assert {secret[:2] for secret in asked} == set(manifests.created)
    for ingress in manifests.of("Ingress"):
        assert {tls["secretName"] for tls in ingress["spec"]["tls"]} <= set(BY_HAND)


def test_every_command_is_one_that_its_image_has(manifests: Manifests) -> None:
    for pod in manifests.pods:
        handlers = pod.main.get("lifecycle", {}).values()
        said = [pod.main.get("command", []), *(one["exec"]["command"] for one in handlers if "exec" in one)]
        for line in (" ".join(words) for words in said):
            for name, rest in re.findall(r"\bsipas ([a-z]+) ?([^;&|]*)", line):
                service = ENTRY_POINTS["sipas.commands"][name].split(".")[1]
                assert pod.main["image"].startswith(f"sipas-{service}:"), line
                _resolve([name, *rest.split()])


def _resolve(words: list[str]) -> None:
    """Fails where a command, a subcommand or an option does not exist."""
    command: click.Command = main
    context = click.Context(command)
    while isinstance(command, click.Group):
        found = command.get_command(context, words[0])
        assert found is not None, words
        command, words = found, words[1:]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in words if word.startswith("--")} <= options


# --- who logs in as whom

RULES: dict[str, Any] = yaml.safe_load(ACLS.read_text(encoding="utf-8"))
USERS = {
    **{service: service for service in SERVICES},
    "spool-drain": "survey",
    "backup": "backup",
    **dict.fromkeys(
        [
            "topics",
            "registry-load",
            "people-load",
            "operator-board",
            "operator-aggregator",
            "operator-notifier",
            "restore",
        ],
        "operator",
    ),
}
"""Workload of the nation -> its user on Kafka, and on Redis if it goes there."""


def test_in_the_nation_every_process_is_a_user_of_its_own_on_kafka_and_knows_no_other_password() -> None:
    nation = Manifests("nation")
    found = {}
    for pod in nation.pods:
        given = nation.environment(pod)
        held = {
            one["valueFrom"]["secretKeyRef"]["name"]
            for one in pod.main.get("env", [])
            if "secretKeyRef" in one.get("valueFrom", {})
        }
        if pod.main["image"].startswith("sipas-"):
            settings = settings_of(nation, pod.workload)
            assert isinstance(settings, KafkaSettings)
            access = settings.bootstrap.access
            found[pod.workload] = access.username
            assert access.encrypts
            assert access.logs_in
            assert access.password == nation.created["sipas-kafka", f"sipas-kafka-{access.username}"]["password"]
            assert {name for name in held if name.startswith("sipas-kafka-")} == {f"sipas-kafka-{access.username}"}
        if address := given.get("SIPAS_REDIS_URL"):
            assert urlsplit(address).scheme == "redis+cluster"
            assert urlsplit(address).username == USERS[pod.workload]
    assert found == USERS


def test_elsewhere_kafka_knows_no_users() -> None:
    for overlay in ("dev", "province"):
        manifests = Manifests(overlay)
        given = {name for pod in manifests.pods for name in manifests.environment(pod)}
        assert "SIPAS_KAFKA_BOOTSTRAP" in given
        assert not {name for name in given if name.startswith("SIPAS_KAFKA_") and name != "SIPAS_KAFKA_BOOTSTRAP"}


def test_the_brokers_authority_is_a_file_where_the_settings_say_it_is() -> None:
    nation = Manifests("nation")
    for workload in USERS:
        pod = nation.pod(workload)
        directory, _, file = nation.environment(pod)["SIPAS_KAFKA_CA_FILE"].rpartition("/")
        (mount,) = [one for one in pod.main["volumeMounts"] if one["mountPath"] == directory]
        (volume,) = [one for one in pod.spec["volumes"] if one["name"] == mount["name"]]
        # not optional: the pod waits for it
        assert (volume["configMap"], mount["readOnly"], file) == ({"name": "sipas-kafka-ca"}, True, "ca.crt")


def test_the_brokers_let_in_nobody_without_a_password_or_in_clear_text() -> None:
    (kafka,) = Manifests("nation").of("Kafka")
    for listener in kafka["spec"]["kafka"]["listeners"]:
        assert (listener["type"], listener["tls"]) == ("internal", True)
        assert listener["authentication"] == {"type": "scram-sha-512"}
    assert kafka["spec"]["kafka"]["authorization"] == {"type": "simple"}
    assert "userOperator" in kafka["spec"]["entityOperator"]
    assert kafka["spec"]["clusterCa"]["validityDays"] > 10 * kafka["spec"]["clusterCa"]["renewalDays"]


def test_strimzis_users_may_do_what_the_file_of_rights_says_and_nothing_else() -> None:
    nation = Manifests("nation")
    for user in nation.of("KafkaUser"):
        assert user["metadata"]["labels"]["strimzi.io/cluster"] == "sipas"
        spec = user["spec"]
        assert (spec["authentication"]["type"], spec["authorization"]["type"]) == ("scram-sha-512", "simple")
        # by default: allowed, from everywhere
        assert {frozenset(one) for one in spec["authorization"]["acls"]} == {frozenset({"resource", "operations"})}
    said = list(nation.rights())
    assert len(said) == len(set(said))
    assert set(said) == set(allowed(RULES, settings_of(nation, "topics").namespace))


def test_redis_lets_in_the_users_of_the_nations_pods_with_their_passwords() -> None:
    nation = Manifests("nation")
    acl = nation.created[NAMESPACE, "sipas-redis-acl"]["users.acl"]
    assert "$" not in acl
    users = {line.split()[1]: line.split()[3] for line in acl.splitlines() if " on " in line}
    assert set(users) == {"admin", "aggregator", "notifier", "board", "operator"}
    for user, password in users.items():
        secret = nation.created[NAMESPACE, f"sipas-redis-{user}"]
        assert password == f">{secret['password']}"
        if user != "admin":
            assert urlsplit(secret["url"]).password == secret["password"]
    template = (ROOT / "deploy/redis/users.acl").read_text(encoding="utf-8").splitlines()
    # word for word the rights of the file; the survey's are those on the limiter's Redis
    assert [re.sub(r">\w+", ">", line) for line in acl.splitlines()] == [
        re.sub(r">\S+", ">", line).replace("${NAMESPACE}", "sipas")
        for line in template
        if not line.startswith("user survey ")
    ]


def test_redis_reads_the_users_that_are_mounted_and_knows_no_other_password() -> None:
    nation = Manifests("nation")
    redis = nation.pod("redis")
    (conf,) = [one for one in nation.of("ConfigMap") if "redis.conf" in one["data"]]
    words = dict(re.findall(r"^([a-z-]+) (.*)$", conf["data"]["redis.conf"], re.MULTILINE))
    (mount,) = [one for one in redis.main["volumeMounts"] if one["name"] == "acl"]
    assert words["aclfile"] == f"{mount['mountPath']}/users.acl"
    assert words["masteruser"] == "admin"
    assert "--requirepass" not in redis.main["args"]
    for pod in (redis, nation.pod("redis-form")):
        assert nation.environment(pod)["REDISCLI_AUTH"] == nation.created[NAMESPACE, "sipas-redis-admin"]["password"]


def test_an_address_of_the_redis_cluster_names_several_of_its_nodes() -> None:
    nation = Manifests("nation")
    nodes = nation.environment(nation.pod("redis"))["REDIS_NODES"].split()
    assert len(nodes) == nation.named("StatefulSet", "redis")["spec"]["replicas"]
    for user in ("aggregator", "notifier", "board", "operator"):
        named = nation.created[NAMESPACE, f"sipas-redis-{user}"]["url"].partition("@")[2].split(",")
        assert len(named) >= 3
        assert set(named) <= set(nodes)


# --- people's commands

ELSEWHERE = {"spool", "import", "simulate", "comments", "backup", "restore"}
"""Commands of a survey's disk, of whoever has a key of the HTTP interfaces, and of the volume of backups."""


def test_the_script_for_people_finds_every_command_in_the_image_that_has_it(manifests: Manifests) -> None:
    script = (K8S / "sipas.sh").read_text(encoding="utf-8")
    table = {
        command: image
        for commands, image in re.findall(r"^([a-z |]+)\) image=(\w+) ;;$", script, re.MULTILINE)
        for command in commands.split(" | ")
    }
    assert table.pop("settings") in SERVICES
    commands = ENTRY_POINTS["sipas.commands"]
    assert table == {name: commands[name].split(".")[1] for name in commands.keys() - ELSEWHERE}
    for image in set(table.values()):
        pod = manifests.pod(f"operator-{image}")
        assert pod.main["image"].startswith(f"sipas-{image}:")
        assert manifests.named("CronJob", pod.workload)["spec"]["suspend"]


# --- ports and who finds whom


def test_every_service_of_ours_listens_where_its_container_says(manifests: Manifests) -> None:
    for service in SERVICES:
        pod = manifests.pod(service)
        settings = settings_of(manifests, service)
        addresses = {name: value for name, value in vars(settings).items() if isinstance(value, Address)}
        assert {address.host for address in addresses.values()} == {"0.0.0.0"}
        listens = {{"listen": "http"}.get(name, name): address.port for name, address in addresses.items()}
        assert listens == {port["name"]: port["containerPort"] for port in pod.main["ports"]}


def test_the_ports_are_those_of_every_other_way_to_run_it(manifests: Manifests) -> None:
    for service in SERVICES:
        for port in manifests.pod(service).main["ports"]:
            setting = f"SIPAS_{service.upper()}_{'ADMIN' if port['name'] == 'admin' else 'LISTEN'}"
            assert KNOWN[setting].default == f"127.0.0.1:{port['containerPort']}"


def test_every_kubernetes_service_leads_to_a_port_of_one_workload(manifests: Manifests) -> None:
    for one in manifests.of("Service"):
        (pod,) = manifests.selected({"matchLabels": one["spec"]["selector"]})
        ports = {port["name"]: port["containerPort"] for port in pod.main["ports"]}
        for port in one["spec"]["ports"]:
            assert ports[port["targetPort"]] == port["port"]


def test_every_statefulset_has_the_service_that_names_its_pods(manifests: Manifests) -> None:
    for one in manifests.of("StatefulSet"):
        service = manifests.named("Service", one["spec"]["serviceName"])
        assert service["spec"]["clusterIP"] == "None"
        assert matches({"matchLabels": service["spec"]["selector"]}, one["spec"]["template"]["metadata"]["labels"])


def test_only_the_survey_and_the_board_are_public_and_never_an_admin_port(manifests: Manifests) -> None:
    settings = manifests.environment(manifests.pod("board"))
    hosts = {"survey": settings["SIPAS_PUBLIC_URL"], "board": settings["SIPAS_BOARD_URL"]}
    assert {one["metadata"]["name"] for one in manifests.of("Ingress")} == set(hosts)
    for one in manifests.of("Ingress"):
        (rule,) = one["spec"]["rules"]
        (path,) = rule["http"]["paths"]
        service = path["backend"]["service"]
        assert (path["path"], service) == ("/", {"name": one["metadata"]["name"], "port": {"name": "http"}})
        assert f"https://{rule['host']}" == hosts[service["name"]]
        (tls,) = one["spec"]["tls"]
        assert tls["hosts"] == [rule["host"]]
    assert {one["spec"].get("type", "ClusterIP") for one in manifests.of("Service")} == {"ClusterIP"}


def test_the_bootstrap_address_is_a_broker_of_this_overlay(manifests: Manifests) -> None:
    host, port = manifests.environment(manifests.pod("board"))["SIPAS_KAFKA_BOOTSTRAP"].split(":")
    if kafkas := manifests.of("Kafka"):
        name, namespace, _ = host.split(".")
        assert (name, namespace) == ("sipas-kafka-bootstrap", kafkas[0]["metadata"]["namespace"])
        assert kafkas[0]["metadata"]["name"] == "sipas"
        assert int(port) in {listener["port"] for listener in kafkas[0]["spec"]["kafka"]["listeners"]}
    else:
        assert int(port) in {one["port"] for one in manifests.named("Service", host)["spec"]["ports"]}


# --- an end without a loss


def test_a_pod_has_the_time_it_takes_to_stop(manifests: Manifests) -> None:
    def grace(service: str) -> float:
        return float(manifests.pod(service).spec["terminationGracePeriodSeconds"])

    (*_, before) = manifests.pod("survey").main["lifecycle"]["preStop"]["exec"]["command"]
    found = re.fullmatch(r"sleep (\d+); sipas spool wait --seconds (\d+)", before)
    assert found is not None
    assert grace("survey") >= int(found[1]) + int(found[2]) + SURVEY_STOPS_WITHIN_S + 10
    sleep = manifests.pod("board").main["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert grace("board") >= sleep + BOARD_STOPS_WITHIN_S + 5
    # judge and courier are waited for one after the other
    assert grace("notifier") >= 2 * 2 * MAIL_TIMEOUT_S


def test_the_spool_is_on_a_volume_that_outlives_its_pod_and_holds_all_that_workers_may_keep(
    manifests: Manifests,
) -> None:
    survey = manifests.named("StatefulSet", "survey")["spec"]
    assert survey["persistentVolumeClaimRetentionPolicy"] == {"whenDeleted": "Retain", "whenScaled": "Retain"}
    settings = settings_of(manifests, "survey")
    assert isinstance(settings, SurveySettings)
    (claim,) = survey["volumeClaimTemplates"]
    (mount,) = [one for one in manifests.pod("survey").main["volumeMounts"] if one["name"] == claim["metadata"]["name"]]
    assert mount["mountPath"] == str(settings.spool_dir)
    spools = settings.workers * 2 * settings.spool_max_mb * 2**20
    assert size(claim["spec"]["resources"]["requests"]["storage"]) >= spools
    drain = manifests.pod("spool-drain")
    assert manifests.environment(drain)["SIPAS_SPOOL_DIR"] == mount["mountPath"]
    assert drain.spec["securityContext"]["fsGroup"] == manifests.pod("survey").spec["securityContext"]["fsGroup"]


def test_what_holds_data_keeps_its_volumes(manifests: Manifests) -> None:
    for one in manifests.of("StatefulSet"):
        if one["spec"].get("volumeClaimTemplates"):
            kept = one["spec"]["persistentVolumeClaimRetentionPolicy"]
            assert kept == {"whenDeleted": "Retain", "whenScaled": "Retain"}, one["metadata"]["name"]
    for pool in manifests.of("KafkaNodePool"):
        assert [volume["deleteClaim"] for volume in pool["spec"]["storage"]["volumes"]] == [False]


def test_members_of_a_group_keep_their_names(manifests: Manifests) -> None:
    for service in ("aggregator", "notifier"):
        assert manifests.pod(service).kind == "StatefulSet"
        assert manifests.environment(manifests.pod(service))["SIPAS_INSTANCE"] == f"{service}-0"


def scaled(manifests: Manifests) -> dict[str, tuple[str, int, int]]:
    """Workload -> its kind, fewest and most pods."""
    found = {}
    for one in manifests.of("HorizontalPodAutoscaler", "ScaledObject"):
        spec = one["spec"]
        target = spec["scaleTargetRef"]
        fewest = spec.get("minReplicas", spec.get("minReplicaCount"))
        most = spec.get("maxReplicas", spec.get("maxReplicaCount"))
        found[target["name"]] = target["kind"], fewest, most
    return found


def test_what_is_scaled_exists_and_an_apply_does_not_set_its_number_back(manifests: Manifests) -> None:
    for name, (kind, _, _) in scaled(manifests).items():
        assert "replicas" not in manifests.named(kind, name)["spec"]
    assert set(scaled(manifests)) == (set() if manifests.overlay == "dev" else set(SERVICES))


def test_no_more_members_of_a_group_than_there_are_partitions(manifests: Manifests) -> None:
    partitions = int(manifests.environment(manifests.pod("topics"))["SIPAS_PARTITIONS"])
    for service in {"aggregator", "notifier"} & set(scaled(manifests)):
        assert scaled(manifests)[service][2] <= partitions


def test_a_node_can_be_drained_without_the_end_of_a_service(manifests: Manifests) -> None:
    budgets = manifests.of("PodDisruptionBudget")
    for one in manifests.of("Deployment", "StatefulSet"):
        labels = one["spec"]["template"]["metadata"]["labels"]
        name = one["metadata"]["name"]
        kept = [budget for budget in budgets if matches(budget["spec"]["selector"], labels)]
        fewest = scaled(manifests).get(name, ("", one["spec"].get("replicas", 1), 0))[1]
        assert len(kept) == (1 if name in SERVICES or fewest > 1 else 0), name
        if kept:
            assert kept[0]["spec"]["maxUnavailable"] == 1
        if name in SERVICES and manifests.overlay != "dev":
            assert fewest >= 2


def test_pods_of_one_service_go_to_different_nodes(manifests: Manifests) -> None:
    for service in SERVICES:
        spread = manifests.pod(service).spec["topologySpreadConstraints"]
        keys = ["kubernetes.io/hostname", "topology.kubernetes.io/zone"]
        assert [one["topologyKey"] for one in spread] == (keys if manifests.overlay == "nation" else keys[:1])


# --- topics and metrics


def test_kafkas_topics_are_those_that_sipas_topics_create_makes() -> None:
    nation = Manifests("nation")
    settings = settings_of(nation, "topics")
    assert isinstance(settings, TopicsSettings)
    safety = {"min.insync.replicas": "2", "unclean.leader.election.enable": "false"}
    wanted = {
        f"{settings.namespace}.{kind}.v1": (
            settings.partitions if split == BY_AGENCY else 1,
            settings.replication,
            {**config, **safety},
        )
        for kind, (split, config) in TOPIC_SETTINGS.items()
    }
    assert {
        one["metadata"]["name"]: (
            one["spec"]["partitions"],
            one["spec"]["replicas"],
            {name: _text(value) for name, value in one["spec"]["config"].items()},
        )
        for one in nation.of("KafkaTopic")
    } == wanted


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_the_nations_brokers_are_three_and_lose_nothing_with_one_of_them() -> None:
    nation = Manifests("nation")
    (kafka,) = nation.of("Kafka")
    pools = {pool["metadata"]["name"]: pool["spec"] for pool in nation.of("KafkaNodePool")}
    assert {name: (spec["replicas"], spec["roles"]) for name, spec in pools.items()} == {
        "brokers": (3, ["broker"]),
        "controllers": (3, ["controller"]),
    }
    config = kafka["spec"]["kafka"]["config"]
    copies = {name: value for name, value in config.items() if name.endswith("replication.factor")}
    assert set(copies.values()) == {3}
    assert {config["min.insync.replicas"], config["transaction.state.log.min.isr"]} == {2}
    assert config["unclean.leader.election.enable"] is False
    assert config["auto.create.topics.enable"] is False
    for one in [*nation.of("KafkaNodePool"), *nation.of("KafkaTopic")]:
        assert one["metadata"]["labels"]["strimzi.io/cluster"] == kafka["metadata"]["name"]


def exported() -> set[str]:
    """Every metric that a service exports."""
    for service in SERVICES:
        importlib.import_module(f"services.{service}.metrics")
    names = {sample.name for family in REGISTRY.collect() for sample in family.samples}
    # those with labels have no sample yet
    return names | {family.name for family in REGISTRY.collect()}


def asked_for() -> Iterator[str]:
    for overlay in OVERLAYS:
        manifests = Manifests(overlay)
        for one in manifests.of("HorizontalPodAutoscaler"):
            yield from (metric["pods"]["metric"]["name"] for metric in one["spec"]["metrics"] if "pods" in metric)
        for one in manifests.of("ScaledObject"):
            for trigger in one["spec"]["triggers"]:
                yield from re.findall(r"sipas_\w+", trigger["metadata"].get("query", ""))


def test_services_are_scaled_by_metrics_that_they_export() -> None:
    asked = set(asked_for())
    assert asked == {
        "sipas_survey_requests_in_flight",
        "sipas_aggregator_lag_records",
        "sipas_notifier_lag_records",
    }
    assert asked <= exported()


def test_prometheus_adapter_serves_the_metrics_of_the_autoscalers() -> None:
    adapter: Any = yaml.safe_load((K8S / "prometheus-adapter.yaml").read_text(encoding="utf-8"))
    served = {rule["seriesQuery"].partition("{")[0] for rule in adapter["rules"]["custom"]}
    assert served == set(asked_for())


def test_prometheus_finds_the_admin_port_of_every_service_under_the_name_that_rules_know() -> None:
    for overlay in ("province", "nation"):
        manifests = Manifests(overlay)
        (monitor,) = manifests.of("ServiceMonitor")
        assert monitor["spec"]["jobLabel"] == NAME
        wanted = monitor["spec"]["selector"]
        found = [one for one in manifests.of("Service") if matches(wanted, one["metadata"]["labels"])]
        assert sorted(one["metadata"]["labels"][NAME] for one in found) == sorted(SERVICES)
        for one in found:
            assert [port["name"] for port in one["spec"]["ports"]] == [monitor["spec"]["endpoints"][0]["port"]]
            assert one["spec"]["publishNotReadyAddresses"]
            assert one["metadata"]["labels"][COMPONENT] == "admin"


def test_the_operators_rules_are_prometheus_rules() -> None:
    """`make k8s-rules` writes them."""
    groups = [
        group
        for path in sorted((ROOT / "deploy/prometheus/rules").glob("*.yaml"))
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]
    ]
    assert groups
    for overlay in ("province", "nation"):
        (rule,) = Manifests(overlay).of("PrometheusRule")
        assert rule["spec"] == {"groups": groups}


# --- who may talk to whom

TABLE = re.compile(r"^\| ([^|]+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
OUTSIDE = {"ingress", "monitoring", "DNS", "anywhere"}
"""Ends of arrows that are not pods of ours."""

Arrow = tuple[str, str, str]
"""From, to, protocol and port."""


def written(manifests: Manifests) -> set[Arrow]:
    """The arrows of the table in docs/kubernetes.md that hold for an overlay."""
    text = (ROOT / "docs/kubernetes.md").read_text(encoding="utf-8")
    section = text.partition("## Who may talk to whom")[2].partition("\n## ")[0]
    governed = {pod.role for pod in manifests.pods}
    rows = TABLE.findall(section)[1:]
    assert rows
    return {
        (source, target, port if "/" in port else f"TCP/{port}")
        for sources, targets, ports, where in rows
        if where == "all" or manifests.overlay in where.split(", ")
        for source in (governed if sources == "everyone" else sources.split(", "))
        for target in targets.split(", ")
        for port in ports.split(", ")
    }


def let_through(manifests: Manifests) -> tuple[set[Arrow], set[Arrow]]:
    """What the ends that send allow, and what the ends that receive allow."""
    out, into = set(), set()
    for policy in manifests.of("NetworkPolicy"):
        spec = policy["spec"]
        own = {pod.role for pod in manifests.selected(spec["podSelector"])}
        assert own, policy["metadata"]["name"]
        for rule in spec.get("egress", []):
            out |= {
                (role, other, port)
                for role in own
                for peer in rule["to"]
                for other in _roles(manifests, peer)
                for port in _ports(rule)
            }
        for rule in spec.get("ingress", []):
            into |= {
                (other, role, port)
                for role in own
                for peer in rule["from"]
                for other in _roles(manifests, peer)
                for port in _ports(rule)
            }
    for kafka in manifests.of("Kafka"):
        for listener in kafka["spec"]["kafka"]["listeners"]:
            for peer in listener["networkPolicyPeers"]:
                ours = {"podSelector": peer["podSelector"]}
                assert peer["namespaceSelector"] == {"matchLabels": {"kubernetes.io/metadata.name": NAMESPACE}}
                into |= {(role, "kafka", f"TCP/{listener['port']}") for role in _roles(manifests, ours)}
    return out, into


def _roles(manifests: Manifests, peer: Object) -> set[str]:
    if "ipBlock" in peer:
        return {"anywhere"}
    namespace = peer.get("namespaceSelector", {}).get("matchLabels", {})
    if namespace.get("sipas/role"):
        assert "podSelector" not in peer
        return {namespace["sipas/role"]}
    if namespace:
        pods = peer["podSelector"]["matchLabels"]
        known = {
            ("kube-system", "kube-dns"): "DNS",
            ("sipas-kafka", "Kafka"): "kafka",
        }
        return {known[namespace["kubernetes.io/metadata.name"], pods.get("k8s-app") or pods["strimzi.io/kind"]]}
    roles = {pod.role for pod in manifests.selected(peer["podSelector"])}
    assert roles
    return roles


def _ports(rule: Object) -> list[str]:
    return [f"{port.get('protocol', 'TCP')}/{port['port']}" for port in rule["ports"]]


def test_without_a_rule_nobody_talks_to_anybody(manifests: Manifests) -> None:
    (deny,) = [one for one in manifests.of("NetworkPolicy") if one["metadata"]["name"] == "default-deny"]
    assert deny["spec"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    assert deny["metadata"]["namespace"] == NAMESPACE
    for policy in manifests.of("NetworkPolicy"):
        declared = {kind for kind in ("Ingress", "Egress") if kind.lower() in policy["spec"]}
        assert declared <= set(policy["spec"]["policyTypes"])


def test_the_network_policies_are_the_table_of_the_guide(manifests: Manifests) -> None:
    out, into = let_through(manifests)
    table = written(manifests)
    assert {arrow for arrow in table if arrow[0] not in OUTSIDE} == out
    assert {arrow for arrow in table if arrow[1] not in OUTSIDE} == into


def test_who_has_an_address_of_kafka_or_redis_may_reach_it_and_nobody_else(manifests: Manifests) -> None:
    table = written(manifests)
    for pod in manifests.pods:
        given = manifests.environment(pod)
        reaches = {target for source, target, _ in table if source == pod.role}
        assert ("SIPAS_REDIS_URL" in given) == ("redis" in reaches and pod.role in {*SERVICES, "operator"}), (
            pod.workload
        )
        assert ("SIPAS_LIMITER_URL" in given) == ("limiter" in reaches), pod.workload
        assert ("SIPAS_KAFKA_BOOTSTRAP" in given) == ("kafka" in reaches), pod.workload


def test_each_role_is_one_workload_and_its_image(manifests: Manifests) -> None:
    """Commands apart, which talk to Kafka only, and those of people."""

    def said(pod: Pod) -> bool:
        return pod.role == pod.workload or (pod.role in {"command", "operator"} and not pod.runs_on)

    assert [pod.workload for pod in manifests.pods if not said(pod)] == []
