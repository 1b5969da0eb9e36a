"""`python -m services.survey`."""
# ruff: noqa: E402 - the order of these lines is their meaning

# before anything else is imported: sockets, locks and threads of every library must be gevent's
from gevent import monkey

monkey.patch_all()

import os
import tempfile

# before prometheus_client is imported: it asks once whether several processes share the metrics
_METRICS = tempfile.TemporaryDirectory(prefix="sipas-survey-metrics-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _METRICS.name

from services.survey.server import Server
from sipas.settings import SurveySettings, load_or_exit
from sipas.telemetry import configure_logging


def main() -> None:
    """Check the settings, then serve until SIGTERM."""
    settings = load_or_exit(SurveySettings)
    configure_logging(settings.log_format)
    Server(settings).run()


if __name__ == "__main__":
    main()
