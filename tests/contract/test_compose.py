"""The images and the compose file say what the code knows, and keep what a data centre may expect of them."""

import re
import stat
import subprocess
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import pytest
import yaml
from packaging.requirements import Requirement

from deploy.docker import cut
from sipas.settings import (
    AggregatorSettings,
    BackupSettings,
    BoardSettings,
    Common,
    NotifierSettings,
    SettingsError,
    SurveySettings,
    TopicsSettings,
    describe,
    load,
)
from tests.contract.documents import ROOT
from tests.contract.test_architecture import ENTRY_POINTS, PROJECT, SERVICES, SETTING

DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")
PYPROJECT = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
COMPOSE: Any = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
CONTAINERS: dict[str, Any] = COMPOSE["services"]
OURS = [*SERVICES, "topics", "backup"]
PARTS: dict[str, type[Common]] = {
    "survey": SurveySettings,
    "aggregator": AggregatorSettings,
    "notifier": NotifierSettings,
    "board": BoardSettings,
    "topics": TopicsSettings,
    "backup": BackupSettings,
}
EXAMPLE = (ROOT / ".env.example").read_text(encoding="utf-8")
SECRETS = {"SIPAS_SECRET", "SIPAS_LINK_SECRET", "REDIS_PASSWORD", "GRAFANA_PASSWORD"}
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z_]+)(?:(:[-?])([^}]*))?\}")


def example_values() -> dict[str, str]:
    """`.env` as it is right after `write-env.sh`: secrets filled, nothing else touched."""
    pairs = re.findall(r"^([A-Z_]+)=(.*)$", EXAMPLE, re.MULTILINE)
    return {name: value or "s" * 64 for name, value in pairs}


def stages() -> dict[str, str]:
    """Stage of the Dockerfile -> its lines, continued ones joined, comments dropped."""
    lines = re.sub(r"^#.*\n", "", DOCKERFILE, flags=re.MULTILINE).replace("\\\n", " ")
    found = re.findall(r"^FROM (\S+) AS (\S+)\n((?:(?!FROM ).*\n)*)", lines, re.MULTILINE)
    return {name: f"FROM {base}\n{body}" for base, name, body in found}


def filled(value: object, values: dict[str, str]) -> str:
    """What compose makes of a value of the file."""

    def chosen(found: re.Match[str]) -> str:
        name, operator, default = found.groups()
        return values.get(name) or (default if operator == ":-" else "")

    return VARIABLE.sub(chosen, str(value)).replace("$$", "$")


def environment(name: str) -> dict[str, str]:
    """What the container gets: what its image sets, then what the compose file does."""
    image = dict(re.findall(r"(SIPAS_\w+)=(\S+)", stages().get(name, "")))
    given = CONTAINERS[name].get("environment", {})
    return image | {key: filled(value, example_values()) for key, value in given.items()}


# --- the images


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_only_its_own_service(service: str) -> None:
    built = stages()[f"{service}-built"]
    copied = re.findall(r"^COPY (\S+)", built, re.MULTILINE)
    assert copied == ["sipas", "services/__init__.py", f"services/{service}"]
    assert f"COPY --from={service}-built /opt/sipas /opt/sipas" in stages()[service]


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_holds_the_packages_of_its_extra_and_no_others(service: str) -> None:
    """Read from the lock; compared with what the installed packages say of themselves."""
    wanted: set[str] = set()
    waiting = [("sipas", service)]
    while waiting:
        name, extra = waiting.pop()
        for text in distribution(name).requires or ():
            needs = Requirement(text)
            if needs.marker and not any(needs.marker.evaluate({"extra": one}) for one in (extra, "")):
                continue
            package = cut.normal(needs.name)
            waiting += [] if package in wanted else [(package, ",".join(needs.extras))]
            wanted.add(package)
    assert cut.blocks(cut.requirements(LOCK, PYPROJECT, [service])).keys() == wanted


def test_packages_come_from_the_lock_with_their_hashes() -> None:
    of_survey = cut.requirements(LOCK, PYPROJECT, ["survey"])
    assert all(block in LOCK and "--hash=sha256:" in block for block in cut.blocks(of_survey).values())
    assert "--require-hashes" in (ROOT / "deploy/docker/install.sh").read_text(encoding="utf-8")


def test_a_package_that_the_lock_lacks_is_named() -> None:
    with pytest.raises(KeyError, match="no-such-package"):
        cut.requirements(LOCK, PYPROJECT, ["no-such-package"])


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_has_the_commands_of_its_service_only(service: str) -> None:
    kept = set(re.findall(r'^([\w-]+) = "services\.', cut.project(PYPROJECT, service), re.MULTILINE))
    assert kept == {name for name, where in ENTRY_POINTS.items() if where.startswith(f"services.{service}.")}
    assert kept


@pytest.mark.parametrize("service", SERVICES)
def test_an_image_runs_its_service_as_nobody_in_particular_and_can_say_how_it_is(service: str) -> None:
    final = stages()[service]
    assert final.startswith("FROM runtime\n")
    assert "USER 10001:10001" in stages()["runtime"]
    assert "USER" not in final
    assert f'CMD ["python", "-m", "services.{service}"]' in final
    admin = re.search(rf"SIPAS_{service.upper()}_ADMIN=0\.0\.0\.0:(\d+)", final)
    assert admin is not None
    assert f"http://127.0.0.1:{admin[1]}/readyz" in final
    exposed = re.search(r"^EXPOSE (.*)$", final, re.MULTILINE)
    assert exposed is not None
    assert admin[1] in re.findall(r"\d+", exposed[1])


def test_the_images_are_of_the_projects_version() -> None:
    version = PROJECT["version"]
    assert f"ARG VERSION={version}\n" in DOCKERFILE
    for name in OURS:
        assert CONTAINERS[name]["image"].endswith(f":{version}"), name


def test_no_image_is_named_without_a_version() -> None:
    images = [container["image"] for container in CONTAINERS.values()]
    images += re.findall(r"^ARG \w+_IMAGE=(\S+)$", DOCKERFILE, re.MULTILINE)
    assert len(images) == len(CONTAINERS) + 1
    for image in images:
        _, _, tag = image.rpartition(":")
        assert re.match(r"v?\d", tag), image


# --- the settings


def test_every_setting_in_the_compose_file_and_in_the_example_exists() -> None:
    known = {setting.name for setting in describe()}
    named = set(SETTING.findall((ROOT / "docker-compose.yml").read_text(encoding="utf-8") + EXAMPLE + DOCKERFILE))
    assert named & known, "nothing was read"
    assert named - known == set()


@pytest.mark.parametrize("name", OURS)
def test_each_container_gets_all_the_settings_that_it_needs(name: str) -> None:
    settings = load(PARTS[name], environment(name))
    assert not settings.demo


@pytest.mark.parametrize("name", SERVICES)
def test_every_setting_of_a_service_can_be_given_in_the_env_file(name: str) -> None:
    # its own Kafka is reached by nobody else, so there is nothing to log in to
    access = {setting.name for setting in describe() if setting.name.startswith("SIPAS_KAFKA_")}
    fixed = {"SIPAS_LOG", "SIPAS_LANGUAGES_DIR", *access}
    settings = {setting.name for setting in describe() if PARTS[name].__name__ in setting.used_by}
    # this Kafka is in a network that only this file's services are in, and asks nobody for a name
    of_kafka = {one for one in settings if one.startswith("SIPAS_KAFKA_")}
    assert settings - environment(name).keys() - fixed - of_kafka == set()


@pytest.mark.parametrize("secret", sorted(SECRETS))
def test_without_a_secret_nothing_starts(secret: str) -> None:
    uses = [found for found in VARIABLE.findall((ROOT / "docker-compose.yml").read_text()) if found[0] == secret]
    assert uses
    assert all(operator == ":?" for _, operator, _ in uses)


def test_no_secret_is_written_down() -> None:
    secret = {setting.name for setting in describe() if setting.secret} | SECRETS
    for name, container in CONTAINERS.items():
        for variable, value in container.get("environment", {}).items():
            if variable in secret and variable != "SIPAS_LIMITER_URL":
                assert VARIABLE.search(value), (name, variable)
    assert {name for name in SECRETS if f"\n{name}=\n" in EXAMPLE} == SECRETS


def test_what_the_env_file_may_say_is_read_by_somebody() -> None:
    named = set(re.findall(r"^#?([A-Z_]+)=", EXAMPLE, re.MULTILINE))
    read = {found[0] for found in VARIABLE.findall((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))}
    assert named - read == set()


def test_the_env_file_is_made_with_secrets_of_its_own_and_never_overwritten(tmp_path: Path) -> None:
    folder = tmp_path / "deploy/compose"
    folder.mkdir(parents=True)
    script = folder / "write-env.sh"
    script.write_bytes((ROOT / "deploy/compose/write-env.sh").read_bytes())
    (tmp_path / ".env.example").write_text(EXAMPLE, encoding="utf-8")
    subprocess.run(["sh", str(script)], check=True, capture_output=True)
    made = dict(re.findall(r"^([A-Z_]+)=(.*)$", (tmp_path / ".env").read_text(encoding="utf-8"), re.MULTILINE))
    assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600
    assert len({made[name] for name in SECRETS}) == len(SECRETS)
    assert all(re.fullmatch(r"[0-9a-f]{64}", made[name]) for name in SECRETS)
    assert {name: value for name, value in made.items() if name not in SECRETS} == {
        name: value for name, value in example_values().items() if name not in SECRETS
    }
    again = subprocess.run(["sh", str(script)], check=False, capture_output=True)
    assert again.returncode == 1
    assert dict(re.findall(r"^([A-Z_]+)=(.*)$", (tmp_path / ".env").read_text(encoding="utf-8"), re.MULTILINE)) == made


def test_a_setting_that_is_missing_would_be_noticed() -> None:
    with pytest.raises(SettingsError, match="SIPAS_SECRET is missing"):
        load(SurveySettings, {name: value for name, value in environment("survey").items() if name != "SIPAS_SECRET"})


# --- what a container may


def published() -> dict[str, list[str]]:
    values = example_values()
    return {name: [filled(port, values) for port in one["ports"]] for name, one in CONTAINERS.items() if "ports" in one}


def test_published_are_the_survey_and_the_board_and_on_this_machine_only_grafana_and_the_mail_catcher() -> None:
    assert published() == {
        "survey": ["0.0.0.0:8080:8080"],
        "board": ["0.0.0.0:8081:8081"],
        "grafana": ["127.0.0.1:3000:3000"],
        "mail": ["127.0.0.1:8025:8025"],
    }


def test_kafka_and_redis_lie_in_a_network_without_a_way_out() -> None:
    assert COMPOSE["networks"]["servers"]["internal"] is True
    for name in ("kafka", "redis", "limiter", "topics"):
        assert CONTAINERS[name]["networks"] == ["servers"], name
    for name in ("prometheus", "alertmanager", "grafana", "mail"):
        assert CONTAINERS[name]["networks"] == ["outside"], name


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_may_no_more_than_it_must(name: str) -> None:
    container = CONTAINERS[name]
    assert container["cap_drop"] == ["ALL"]
    assert container["security_opt"] == ["no-new-privileges:true"]
    assert not container.keys() & {"privileged", "cap_add", "network_mode", "pid", "devices"}
    limits = container["deploy"]["resources"]["limits"]
    assert limits.keys() == {"cpus", "memory", "pids"}
    # Kafka and Grafana write into folders of their images when they start
    assert container.get("read_only", False) == (name not in {"kafka", "grafana"})


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_comes_back_and_says_how_it_is(name: str) -> None:
    container = CONTAINERS[name]
    assert container["restart"] == ("on-failure" if name == "topics" else "unless-stopped")
    has_check = name in SERVICES or "test" in container.get("healthcheck", {})
    assert has_check == (name != "topics")
    assert container["logging"]["options"].keys() == {"max-size", "max-file"}


@pytest.mark.parametrize("name", [name for name, container in CONTAINERS.items() if "depends_on" in container])
def test_a_container_starts_when_what_it_needs_is_healthy(name: str) -> None:
    for needed, how in CONTAINERS[name]["depends_on"].items():
        # podman starts nothing that depends on a container which has ended
        assert needed != "topics", name
        assert how == {"condition": "service_healthy"}, (name, needed)


def test_what_must_outlive_a_container_lies_in_a_volume() -> None:
    kept = {
        filled(volume, {}).partition(":")[0]
        for container in CONTAINERS.values()
        for volume in container.get("volumes", ())
        if not volume.startswith("./")
    }
    assert kept == COMPOSE["volumes"].keys()
    assert {"kafka", "redis", "spool", "backup"} <= kept


def test_the_ledgers_redis_keeps_a_log_and_forgets_nothing_and_the_limiters_keeps_nothing() -> None:
    ledgers = " ".join(CONTAINERS["redis"]["command"])
    assert "--appendonly yes" in ledgers
    assert "--maxmemory-policy noeviction" in ledgers
    assert "--requirepass" in ledgers
    limiter = CONTAINERS["limiter"]
    assert limiter["command"][1:3] == ["--appendonly", "no"]
    assert "volumes" not in limiter


def test_kafka_makes_no_topic_by_itself_and_keeps_its_log_in_the_volume() -> None:
    given = CONTAINERS["kafka"]["environment"]
    assert given["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
    assert f"kafka:{given['KAFKA_LOG_DIRS']}" in CONTAINERS["kafka"]["volumes"]
