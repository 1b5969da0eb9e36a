"""`python -m services.board`."""
# ruff: noqa: E402 - the order of these lines is their meaning

# before anything else is imported: sockets, locks and threads of every library must be gevent's
from gevent import monkey

monkey.patch_all()

import os
import signal
import sys
import tempfile

# before prometheus_client is imported: it asks once whether several processes share the metrics
_METRICS = tempfile.TemporaryDirectory(prefix="sipas-board-metrics-")
os.environ["PROMETHEUS_MULTIPROC_DIR"] = _METRICS.name

from services.board.server import Server, check
from sipas.broker import KafkaAway, WrongTopics
from sipas.ledger import LedgerAway
from sipas.registry import WrongNamespace
from sipas.settings import BoardSettings, load_or_exit
from sipas.telemetry import configure_logging, logger


def main() -> int:
    """Check the settings and what they point to, then serve until SIGTERM."""
    settings = load_or_exit(BoardSettings)
    configure_logging(settings.log_format)
    # process 1 of a container would not hear it otherwise, while it waits for its servers
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        partitions = check(settings)
    except (KafkaAway, WrongTopics, WrongNamespace, LedgerAway) as reason:
        logger("board").error("cannot start", reason=str(reason))
        return 1
    Server(settings, partitions).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
