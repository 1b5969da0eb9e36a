"""What is written down in several places agrees: stack, settings, commands, topics, metrics."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from prometheus_client import Counter, Gauge, Histogram, Metric
from prometheus_client.metrics import MetricWrapperBase

from deploy.local.stack import LISTENERS, PREPARATION, SECRETS, Stack, make_stack, servers, services
from sipas.broker import TOPIC_SETTINGS
from sipas.cli import main
from sipas.settings import (
    AggregatorSettings,
    BoardSettings,
    Common,
    NotifierSettings,
    SurveySettings,
    TopicsSettings,
    describe,
    load,
)
from tests.contract.documents import ASYNCAPI, ROOT
from tests.contract.named_topics import topics_in

SERVICES = sorted(path.parent.name for path in (ROOT / "services").glob("*/__main__.py"))
PAGES = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("docs/*.yaml"), *ROOT.glob("examples/**/*.md")]
)
NO_CONTEXT = click.Context(main)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return make_stack(tmp_path, {}, dict.fromkeys(SECRETS, "s" * 43), None)


# --- the local stack


def test_the_stack_runs_every_service_there_is(stack: Stack) -> None:
    assert sorted(program.name for program in services(stack)) == SERVICES
    for program in services(stack):
        assert program.command[-1] == f"services.{program.name}"


def test_every_service_has_its_admin_port_in_the_stack() -> None:
    assert {f"{name} admin" for name in SERVICES} <= {listener.name for listener in LISTENERS}


def test_no_two_listeners_share_a_port() -> None:
    ports = [listener.port for listener in LISTENERS]
    assert len(set(ports)) == len(ports)


def test_every_program_of_ours_in_the_stack_can_be_found(stack: Stack) -> None:
    modules = [
        program.command[program.command.index("-m") + 1]
        for program in [*servers(stack), *services(stack)]
        if "-m" in program.command
    ]
    assert len(modules) == len(SERVICES) + 1
    for module in modules:
        assert importlib.util.find_spec(module) is not None, module


@pytest.mark.parametrize(
    "part",
    [SurveySettings, AggregatorSettings, NotifierSettings, BoardSettings, TopicsSettings],
    ids=lambda p: p.__name__,
)
def test_the_stack_gives_each_part_all_its_settings(stack: Stack, part: type[Common]) -> None:
    assert load(part, stack.settings).demo


def test_what_the_stack_prepares_are_commands_there_are() -> None:
    for step in PREPARATION:
        assert unknown_command(step.command[1:]) is None, step.name


# --- settings

SETTING = re.compile(r"\bSIPAS_[A-Z][A-Z_]*[A-Z]\b")


def who_may_name_settings() -> list[Path]:
    deployment = [path for path in (ROOT / "deploy").rglob("*") if path.is_file() and path.suffix != ".pyc"]
    return [*deployment, ROOT / "Makefile", ROOT / ".ci/run", *PAGES]


def test_every_setting_that_is_named_exists() -> None:
    known = {setting.name for setting in describe()}
    named = {
        (name, str(path.relative_to(ROOT)))
        for path in who_may_name_settings()
        for name in SETTING.findall(path.read_text(encoding="utf-8"))
    }
    assert {name for name, _ in named} & known, "nothing was read"
    assert {(name, where) for name, where in named if name not in known} == set()


# --- commands

ENTRY_POINTS = PROJECT["entry-points"]["sipas.commands"]


@pytest.mark.parametrize("name", ENTRY_POINTS)
def test_every_entry_point_is_a_command_of_that_name(name: str) -> None:
    module, _, attribute = ENTRY_POINTS[name].partition(":")
    command = getattr(importlib.import_module(module), attribute)
    assert isinstance(command, click.Command)
    assert command.name == name


def test_the_installed_program_has_every_command() -> None:
    assert set(main.list_commands(NO_CONTEXT)) == {"settings", *ENTRY_POINTS}


def commands_in(text: str) -> Iterator[list[str]]:
    """The command lines of `sipas` in code of a Markdown page: fenced, or between backticks."""
    fenced = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    lines = [line for block in fenced for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", prose)]:
        if found := re.match(r"\s*(?:\$ )?(?:\.venv/bin/)?sipas (.+)", line):
            yield found[1].split("#")[0].split()


def unknown_command(words: list[str]) -> str | None:
    """What is not there of a command line: a command, or an option of it."""
    command: click.Command = main
    options = {"--help", "-h"}
    for at, word in enumerate(words):
        if word in {"|", ">", "&&", ";", "…"}:
            break
        if word.startswith("-"):
            known = options | {option for parameter in command.params for option in parameter.opts}
            if word.partition("=")[0] not in known:
                return " ".join(words[: at + 1])
        elif isinstance(command, click.Group):
            # a page may name several at once: `sipas registry check/load`
            found = [command.get_command(NO_CONTEXT, name.strip(",.")) for name in word.split("/")]
            if None in found:
                return " ".join(words[: at + 1])
            command = found[0] or command
    return None


def test_every_command_that_a_page_names_exists() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: sipas {missing}"
        for path in PAGES
        for words in commands_in(path.read_text(encoding="utf-8"))
        if (missing := unknown_command(words))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("registry load sample", None),
        ("key create --scope read --json", None),
        ("registry check/load", None),
        ("registry burn", "registry burn"),
        ("harvest", "harvest"),
        ("key create --colour red", "key create --colour"),
    ],
)
def test_a_command_that_is_not_there_is_noticed(line: str, missing: str | None) -> None:
    assert unknown_command(line.split()) == missing


def test_commands_are_found_in_fences_and_between_backticks() -> None:
    text = "Run `sipas verify`; not sipas dlq.\n\n```sh\n$ .venv/bin/sipas key create \\\n  --scope read  # once\n```\n"
    assert list(commands_in(text)) == [["key", "create", "--scope", "read"], ["verify"]]


# --- tests and files


def test_every_test_that_a_page_names_exists() -> None:
    """A page that says "held by a test" must not outlive the test."""
    there = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    }
    named = {
        (name, str(path.relative_to(ROOT)))
        for path in PAGES
        for name in re.findall(r"\b(test_\w+)\b(?!\.py)", path.read_text(encoding="utf-8"))
    }
    assert ("test_nothing_that_a_client_lets_slip_is_written_down", "docs/privacy.md") in named
    assert {(name, where) for name, where in named if name not in there} == set()


FILE = re.compile(r"`((?:sipas|services|tests|docs|deploy|bench|examples)/[\w./@-]*\.\w+)`")
LINK = re.compile(r"\]\(([\w./@-]+)\)")


def test_every_file_that_a_page_names_exists() -> None:
    named = {
        (path, found if pattern is FILE else str((path.parent / found).resolve().relative_to(ROOT)))
        for path in PAGES
        for pattern in (FILE, LINK)
        for found in pattern.findall(path.read_text(encoding="utf-8"))
    }
    assert (ROOT / "docs/adr/0001-position-travels-with-the-write.md", "sipas/lua/commit.lua") in named
    assert {(str(path.relative_to(ROOT)), name) for path, name in named if not (ROOT / name).exists()} == set()


# --- topics


def test_every_topic_that_the_code_names_has_settings_and_a_description() -> None:
    named = {
        (kind, str(path.relative_to(ROOT)))
        for folder in ("sipas", "services", "deploy", "bench")
        for path in (ROOT / folder).rglob("*.py")
        for kind in topics_in(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert {"responses", "tallies", "alerts", "decisions", "registry", "people", "dlq"} <= {kind for kind, _ in named}
    assert {(kind, where) for kind, where in named if kind not in TOPIC_SETTINGS} == set()
    assert {kind for kind, _ in named} <= set(ASYNCAPI["channels"])


# --- metrics

UNITS = {"seconds", "bytes", "records", "partitions", "messages"}
UNIT_ELSEWHERE = {
    "sipas_survey_workers_without_kafka": "counts workers, and says which",
    "sipas_survey_requests_in_flight": "counts requests; the deployment scales by this name",
    "sipas_notifier_channel_away": "is 1 or 0",
    "sipas_notifier_courier_owner": "is 1 or 0",
    "sipas_notifier_watchdog": "is always 1",
}


def described_as(metric: MetricWrapperBase) -> Metric:
    (only,) = metric.describe()
    return only


def metrics() -> Iterator[Any]:
    for name in SERVICES:
        module = importlib.import_module(f"services.{name}.metrics")
        for attribute in vars(module).values():
            if isinstance(attribute, MetricWrapperBase):
                yield pytest.param(name, attribute, id=described_as(attribute).name)


@pytest.mark.parametrize(("service", "metric"), list(metrics()))
def test_a_metric_says_its_service_its_unit_and_what_it_is(service: str, metric: MetricWrapperBase) -> None:
    described = described_as(metric)
    assert described.name.startswith(f"sipas_{service}_")
    assert len(described.documentation.split()) >= 3
    last = described.name.rpartition("_")[2]
    if isinstance(metric, Histogram):
        assert last in {"seconds", "bytes"}
    elif isinstance(metric, Gauge):
        assert last in UNITS or described.name in UNIT_ELSEWHERE
    else:
        # the client takes the `_total` of a counter off its name and puts it on every sample
        assert isinstance(metric, Counter)


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_declares_its_metrics_in_one_place_with_the_whole_name(service: str) -> None:
    """Somebody who looks for a name of a dashboard must find it as it stands there."""
    for path in sorted((ROOT / "services" / service).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and _is_declaration(node):
                assert path.name == "metrics.py"
                name = node.args[0]
                assert isinstance(name, ast.Constant)
                assert str(name.value).endswith("_total") == (node.func.id == "Counter")


def _is_declaration(node: ast.Call) -> bool:
    kind = node.func
    first = node.args[0] if node.args else None
    return (
        isinstance(kind, ast.Name)
        and kind.id in {"Counter", "Gauge", "Histogram", "Summary", "Info", "Enum"}
        and isinstance(first, ast.Constant)
        and str(first.value).startswith("sipas_")
    )


def test_every_exception_to_the_units_still_stands() -> None:
    names = {parameter.id for parameter in metrics()}
    assert set(UNIT_ELSEWHERE) <= names
