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

from services.survey.server import Server
from services.survey.siblings import Siblings
from sipas.settings import SurveySettings, load_or_exit
from sipas.telemetry import configure_logging


def main() -> None:
    """Check the settings, then serve until SIGTERM."""
    settings = load_or_exit(SurveySettings)
    configure_logging(settings.log_format)
    try:
        Server(settings, Siblings(Path(_SHARED.name) / "ready")).run()
    except HaltServer as halt:  # a second worker ended before the arbiter had stopped
        sys.exit(halt.exit_status)


if __name__ == "__main__":
    main()
