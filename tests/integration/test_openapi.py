"""Requests made up from the OpenAPI documents, right and wrong ones: no 500, and every answer is as described.

The program `schemathesis` runs as its users run it, against real servers, with the same requests every time.
"""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.test_board_process import Stack
from tests.servers import KafkaServer, RedisServer
from tests.survey_stack import IMPORT_KEY, Survey, set_up_namespace, small_registry

SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))
REPEATABLE = ["--seed", "1", "--generation-deterministic", "--no-shrink"]
# what the documents cannot say: which counters and agencies there are, what belongs to which
UNSAID = ["--exclude-checks", "positive_data_acceptance", "--warnings", "off"]
KNOWN = """
[parameters]
"path.agency" = "so-noi-vu"
"path.scope" = "province"
"query.block" = "so"
"""


def assert_as_described(address: str, directory: Path, examples: int, key: str) -> None:
    command = [SCHEMATHESIS, "run", f"{address}/v1/openapi.json", *REPEATABLE, "--max-examples", str(examples)]
    options = ["--phases", "examples,coverage,fuzzing", "--continue-on-failure", *UNSAID]
    headers = ["--header", f"Authorization: Bearer {key}"]
    (directory / "schemathesis.toml").write_text(KNOWN)
    done = subprocess.run(
        [*command, *options, *headers], cwd=directory, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode != 0 or "No issues found" not in done.stdout:
        pytest.fail(done.stdout + done.stderr, pytrace=False)


def test_the_survey_answers_as_its_document_says(kafka: KafkaServer, namespace: str, tmp_path: Path) -> None:
    set_up_namespace(kafka.bootstrap, namespace, small_registry())
    with Survey(kafka.bootstrap, namespace, tmp_path / "survey") as survey:
        assert_as_described(f"http://127.0.0.1:{survey.port}", tmp_path, 100, IMPORT_KEY)
        assert "a request failed" not in survey.log


def test_the_board_answers_as_its_document_says(
    kafka: KafkaServer, redis_server: RedisServer, namespace: str, tmp_path: Path
) -> None:
    stack = Stack(kafka, redis_server, namespace, tmp_path)
    try:
        stack.aggregator.start()
        stack.board.start()
        stack.answer(6)
        assert_as_described(stack.address, tmp_path, 30, "read-token")
        assert "a request failed" not in stack.board.log
    finally:
        stack.board.kill()
        stack.aggregator.kill()
        stack.publisher.close()
