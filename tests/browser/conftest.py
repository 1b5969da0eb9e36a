"""One survey on a real Kafka for all browser tests, a Chromium for each file, and phones in it."""

import re
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser

from deploy.local.programs import HOST
from sipas.events import Response
from tests.browser.line import Line
from tests.browser.phone import PICTURES, Phone, without_scripts
from tests.browser.registry import browser_registry
from tests.servers import KafkaServer
from tests.survey_stack import Survey, set_up_namespace, sheets

OpenPhone = Callable[..., Phone]


@pytest.fixture(scope="session")
def survey(kafka: KafkaServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Survey]:
    namespace = f"t{uuid.uuid4().hex[:10]}"
    set_up_namespace(kafka.bootstrap, namespace, browser_registry())
    with Survey(kafka.bootstrap, namespace, tmp_path_factory.mktemp("survey"), SIPAS_DEMO="true") as running:
        yield running


def address_of(survey: Survey) -> str:
    return f"http://{HOST}:{survey.port}"


@pytest.fixture
def test_name(request: pytest.FixtureRequest) -> str:
    return re.sub(r"[^\w@-]+", "-", request.node.name).strip("-")


@pytest.fixture
def open_phone(browser: Browser, survey: Survey, test_name: str) -> Iterator[OpenPhone]:
    """Makes a phone: without script unless `script=True`; `for_tools=True`: without ours only. Where the test kept no
    picture of it, one shows how it looked in the end."""
    phones: list[Phone] = []
    address = address_of(survey)

    def make(*, script: bool = False, for_tools: bool = False, address: str = address, **options: Any) -> Phone:
        context = browser.new_context(
            java_script_enabled=script or for_tools, viewport={"width": 360, "height": 740}, **options
        )
        if for_tools:
            without_scripts(context)
        name = test_name if not phones else f"{test_name}-{len(phones)}"
        phone = Phone(context, address, name)
        phones.append(phone)
        return phone

    yield make
    for phone in phones:
        if not phone.has_picture:
            phone.picture()
        phone.context.close()


@pytest.fixture
def line(survey: Survey) -> Iterator[Line]:
    """A line that weighs and breaks; `open_phone(address=line.address)` is on it."""
    made = Line(survey.port)
    yield made
    made.close()


@pytest.fixture
def arrived(kafka: KafkaServer, survey: Survey) -> Callable[[], list[Response]]:
    """The sheets that reached the log since the test began, each as often as it is there."""
    before = len(sheets(kafka.bootstrap, survey.namespace))
    seen = {sheet.response_id for sheet in sheets(kafka.bootstrap, survey.namespace)} if before else set()
    return lambda: [sheet for sheet in sheets(kafka.bootstrap, survey.namespace) if sheet.response_id not in seen]


def pytest_terminal_summary(terminalreporter: Any) -> None:
    if any(PICTURES.glob("*.png")):
        terminalreporter.write_line(f"Pictures of the pages: {PICTURES}")
