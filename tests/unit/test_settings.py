"""Settings: everything that is wrong in one message, nothing silent, secrets never shown."""

import os
import pickle
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

from sipas import settings
from sipas.bootstrap import Access, Bootstrap
from sipas.settings import Address, AggregatorSettings, NotifierSettings, SettingsError, SurveySettings, load

RIGHT = {
    "SIPAS_KAFKA_BOOTSTRAP": "127.0.0.1:9092, 127.0.0.1:9094",
    "SIPAS_REDIS_URL": "redis://127.0.0.1:6379/0",
    "SIPAS_PUBLIC_URL": "https://khaosat.example/",
    "SIPAS_SECRET": "s" * 32,
    "SIPAS_SPOOL_DIR": "/var/spool/sipas",
}


def problems(part: type, **changes: str) -> list[str]:
    with pytest.raises(SettingsError) as error:
        load(part, RIGHT | changes)
    return error.value.problems


def test_right_settings_are_typed_values_and_the_rest_are_defaults() -> None:
    found = load(SurveySettings, RIGHT | {"SIPAS_SURVEY_LISTEN": "0.0.0.0:80"})
    assert found.bootstrap == ("127.0.0.1:9092", "127.0.0.1:9094")
    assert found.public_url == "https://khaosat.example"
    assert found.listen == Address("0.0.0.0", 80)
    assert (found.namespace, str(found.zone), found.demo) == ("sipas", "Asia/Ho_Chi_Minh", False)


def test_all_that_is_missing_is_named_at_once_with_its_meaning() -> None:
    with pytest.raises(SettingsError) as error:
        load(SurveySettings, {})
    named = [line.split()[0] for line in error.value.problems]
    assert named == ["SIPAS_KAFKA_BOOTSTRAP", "SIPAS_PUBLIC_URL", "SIPAS_SECRET", "SIPAS_SPOOL_DIR"]
    assert "Kafka brokers" in error.value.problems[0]


WRONG = [
    ("SIPAS_NAMESPACE", "Tỉnh Mẫu"),
    ("SIPAS_TIMEZONE", "Hanoi"),
    ("SIPAS_DEMO", "yes"),
    ("SIPAS_LOG", "xml"),
    ("SIPAS_KAFKA_BOOTSTRAP", "127.0.0.1"),
    ("SIPAS_KAFKA_BOOTSTRAP", "127.0.0.1:99999"),
    ("SIPAS_SURVEY_LISTEN", "8080"),
    ("SIPAS_SURVEY_WORKERS", "0"),
    ("SIPAS_SURVEY_WORKERS", "two"),
    ("SIPAS_PUBLIC_URL", "khaosat.example"),
    ("SIPAS_PUBLIC_URL", "ftp://khaosat.example"),
    ("SIPAS_SECRET", "short"),
    ("SIPAS_SPOOL_MAX_MB", "-1"),
    ("SIPAS_LIMITER_URL", "redis+cluster://127.0.0.1:6380"),
    ("SIPAS_LIMIT", "100"),
    ("SIPAS_LIMIT", "0/60"),
    ("SIPAS_TRUSTED_PROXIES", "-1"),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_a_wrong_value_is_named_with_its_reason(name: str, value: str) -> None:
    [line] = problems(SurveySettings, **{name: value})
    assert line.startswith(name)
    assert "must" in line or "is not" in line


def test_without_a_protocol_kafka_is_reached_without_a_log_in() -> None:
    assert load(SurveySettings, RIGHT).bootstrap.access == Access()


def test_a_log_in_to_kafka_is_taken_with_the_addresses(tmp_path: Path) -> None:
    authority = tmp_path / "ca.pem"
    authority.touch()
    given = {
        "SIPAS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
        "SIPAS_KAFKA_USERNAME": "survey",
        "SIPAS_KAFKA_PASSWORD": "p",
        "SIPAS_KAFKA_CA_FILE": str(authority),
    }
    found = load(SurveySettings, RIGHT | given).bootstrap
    assert found == ("127.0.0.1:9092", "127.0.0.1:9094")
    assert found.access == Access(
        protocol="SASL_SSL", mechanism="SCRAM-SHA-512", username="survey", password="p", ca_file=authority
    )
    assert "'p'" not in repr(found.access)


def test_a_log_in_goes_with_the_addresses_into_another_process() -> None:
    given = Bootstrap(["127.0.0.1:9092"], Access(protocol="SASL_SSL", username="operator", password="p"))
    found = pickle.loads(pickle.dumps(given))
    assert (found, found.access) == (given, given.access)


CONTRADICTIONS = [
    ({"SECURITY_PROTOCOL": "TLS"}, ["SECURITY_PROTOCOL='TLS' must be one of"]),
    ({"SASL_MECHANISM": "GSSAPI"}, ["SASL_MECHANISM='GSSAPI' must be one of"]),
    ({"SECURITY_PROTOCOL": "SASL_SSL"}, ["USERNAME is missing", "PASSWORD is missing"]),
    ({"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "USERNAME": "survey"}, ["PASSWORD is missing"]),
    ({"SECURITY_PROTOCOL": "SSL", "USERNAME": "survey"}, ["USERNAME is given"]),
    ({"PASSWORD": "p"}, ["PASSWORD is given"]),
    ({"SECURITY_PROTOCOL": "SSL", "CA_FILE": "/there/is/none.pem"}, ["CA_FILE='/there/is/none.pem' is not a file"]),
    ({"CA_FILE": __file__}, ["CA_FILE is given"]),
    ({"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "USERNAME": "a", "PASSWORD": "p", "CA_FILE": __file__}, ["CA_FILE is"]),
]


@pytest.mark.parametrize(("given", "wrong"), CONTRADICTIONS)
def test_what_contradicts_itself_about_kafka_is_told(given: dict[str, str], wrong: list[str]) -> None:
    found = problems(SurveySettings, **{f"SIPAS_KAFKA_{name}": value for name, value in given.items()})
    assert len(found) == len(wrong)
    for line, start in zip(found, wrong, strict=True):
        assert line.startswith(f"SIPAS_KAFKA_{start}")
        assert "'p'" not in line


def test_contradictions_are_told_with_everything_else() -> None:
    found = problems(SurveySettings, SIPAS_DEMO="yes", SIPAS_KAFKA_PASSWORD="p")
    assert [line.split("=")[0].split()[0] for line in found] == ["SIPAS_DEMO", "SIPAS_KAFKA_PASSWORD"]


@pytest.mark.parametrize("between", [",", " ", ", ", "\n"])
def test_several_secrets_are_given_newest_first(between: str) -> None:
    found = load(SurveySettings, RIGHT | {"SIPAS_SECRET": between.join(("n" * 32, "o" * 32))})
    assert found.secrets == ("n" * 32, "o" * 32)


def test_a_short_secret_among_several_is_refused_and_not_shown() -> None:
    [line] = problems(SurveySettings, SIPAS_SECRET=f"{'n' * 32},geheim")
    assert "SIPAS_SECRET=(secret)" in line
    assert "geheim" not in line


@pytest.mark.parametrize(
    "url",
    [
        "redis://aggregator:p@127.0.0.1:6379/0",
        "rediss://aggregator:p@redis.example:6379/0?ssl_ca_certs=/ca.pem",
        "redis+cluster://aggregator:p@10.0.0.1:6379,10.0.0.2:6379",
        "rediss+cluster://aggregator:p@10.0.0.1:6379,10.0.0.2:6379?ssl_ca_certs=/ca.pem",
    ],
)
def test_a_redis_has_a_user_encryption_and_several_nodes_in_its_address(url: str) -> None:
    assert load(AggregatorSettings, RIGHT | {"SIPAS_REDIS_URL": url}).redis_url == url


NOTIFIER = RIGHT | {
    "SIPAS_BOARD_URL": "https://board.example",
    "SIPAS_LINK_SECRET": "s" * 32,
    "SIPAS_SMTP_URL": "smtp://127.0.0.1:25",
    "SIPAS_MAIL_FROM": "sipas@mau.example",
}
SIGNED = "#whsec_" + "M" * 32


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SIPAS_QUIET_HOURS", "at night"),
        ("SIPAS_OFFICE_HOURS", "none"),
        ("SIPAS_DIGEST_TIME", "7.30"),
        ("SIPAS_CHANNELS", "hunter2"),
        ("SIPAS_CHANNELS", '["hunter2"]'),
        ("SIPAS_CHANNELS", '{"email": "mailto://hunter2"}'),
        ("SIPAS_CHANNELS", '{"webhook:ioc": "https://ioc.example/hunter2"}'),
        ("SIPAS_CHANNELS", '{"webhook:ioc": "https://ioc.example/#whsec_hunter2"}'),
        ("SIPAS_CHANNELS", '{"chat:it": "hunter2"}'),
        ("SIPAS_CHANNELS", '{"sms": "clickatell://hunter2"}'),
        ("SIPAS_CHANNELS", '{"chat:it": 7, "hunter2": 8}'),
    ],
)
def test_a_wrong_setting_of_the_notifier_is_named_with_its_reason_and_without_secrets(name: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        load(NotifierSettings, NOTIFIER | {name: value})
    [line] = error.value.problems
    assert line.startswith(name)
    assert "must" in line
    assert "hunter2" not in line


def test_channels_are_addresses_by_name() -> None:
    channels = '{"webhook:ioc": "https://ioc.example/hook' + SIGNED + '", "chat:it": "mmost://x", "sms": "a://{phone}"}'
    found = load(NotifierSettings, NOTIFIER | {"SIPAS_CHANNELS": channels})
    assert found.channels["webhook:ioc"] == f"https://ioc.example/hook{SIGNED}"
    assert set(found.channels) == {"webhook:ioc", "chat:it", "sms"}
    described = {one.name: one for one in settings.describe()}
    assert described["SIPAS_CHANNELS"].secret


def test_a_misspelt_setting_is_an_error_and_no_silent_default() -> None:
    assert problems(AggregatorSettings, SIPAS_REDIS_UR="redis://x") == [
        "SIPAS_REDIS_UR is not a setting of sipas (see: sipas settings)"
    ]


def test_a_setting_of_another_service_is_no_error() -> None:
    load(AggregatorSettings, RIGHT)


def test_a_secret_is_never_shown() -> None:
    assert "hunter2" not in " ".join(problems(SurveySettings, SIPAS_SECRET="hunter2"))
    assert "hunter2" not in " ".join(problems(AggregatorSettings, SIPAS_REDIS_URL="https://:hunter2@redis"))


def test_every_setting_is_described_once_with_its_default() -> None:
    described = {one.name: one for one in settings.describe()}
    declared = {field.metadata["name"] for part in settings.ALL for field in fields(part)}
    assert described.keys() == declared
    assert described["SIPAS_KAFKA_BOOTSTRAP"].default is None
    assert all(one.help for one in described.values())


@pytest.mark.parametrize("service", ["survey", "aggregator", "notifier", "board"])
def test_a_service_with_wrong_settings_says_all_of_them_and_exits_with_2(service: str) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    done = subprocess.run(
        [sys.executable, "-m", f"services.{service}"],
        env=environment | {"SIPAS_NAMESPACE": "No", "SIPAS_TYPO": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("sipas: the settings are wrong:")
    for name in ("SIPAS_NAMESPACE", "SIPAS_TYPO", "SIPAS_KAFKA_BOOTSTRAP"):
        assert f"  {name}" in done.stderr
    assert "Traceback" not in done.stderr
