"""`python -m services.survey`."""
# ruff: noqa: E402 - the order of these lines is their meaning

# before anything else is imported: sockets, locks and threads of every library must be gevent's
from gevent import monkey

monkey.patch_all()

import os
import sys
import tempfile
from pathlib import Path

# before prometheus_client is imported: it asks once whether several processes share the metrics
_SHARED = tempfile.TemporaryDirectory(prefix="sipas-survey-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _SHARED.name

from gunicorn.errors import HaltServer

from services.survey.languages import LanguageError, load_languages
from services.survey.server import Server
from services.survey.siblings import Siblings
from sipas.settings import SurveySettings, load_or_exit
from sipas.telemetry import configure_logging, logger


def main() -> int:
    """Check the settings, then serve until SIGTERM; the exit code is 2 where a setting cannot be used."""
    settings = load_or_exit(SurveySettings)
    configure_logging(settings.log_format)
    try:
        load_languages(settings.languages_dir)
    except LanguageError as error:
        print(f"sipas: SIPAS_LANGUAGES_DIR={settings.languages_dir} cannot be used: {error}", file=sys.stderr)
        return 2
    try:
        settings.spool_dir.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=settings.spool_dir).close()
    except OSError as reason:
        print(f"sipas: SIPAS_SPOOL_DIR={settings.spool_dir} cannot be used: {reason}", file=sys.stderr)
        return 2
    try:
        server = Server(settings, Siblings(Path(_SHARED.name) / "ready"))
    except OSError as reason:
        print(f"sipas: SIPAS_SURVEY_ADMIN={settings.admin} cannot be used: {reason}", file=sys.stderr)
        return 1
    if not settings.limiter_url:
        logger("services.survey").warning("SIPAS_LIMITER_URL is not set: answers are not limited")
    try:
        server.run()
    except HaltServer as halt:  # a second worker ended before the arbiter had stopped
        return int(halt.exit_status)
    return 0


if __name__ == "__main__":
    sys.exit(main())
