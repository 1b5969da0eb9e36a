"""What the citizens' pages weigh: bytes of each page as it is and in gzip, and of a whole visit.

    python -m bench.weight [--json]

Asks a real survey over HTTP, without a browser. A visit is what a browser transfers from the scan to the thanks the
first time: form, script, service worker, the sending, the thanks page; response headers included, requests and TLS
not. The second time script and worker come from the browser's own cache.
"""

import argparse
import gzip
import json
import tempfile
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlencode

from bench.machine import machine
from services.survey.assets import FORM_SCRIPT, KIOSK_SCRIPT, WORKER
from tests.servers import KafkaServer
from tests.survey_page import Page
from tests.survey_stack import LONG, OPEN, REVOKED, SHARED, UNKNOWN, Answer, Survey, set_up_namespace, small_registry

GZIP = {"Accept-Encoding": "gzip, deflate, br, zstd"}
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class Request(NamedTuple):
    """One request of a visit; `raw` is the body before compression."""

    what: str
    status: int
    raw: int
    body: int
    transferred: int


def visit(survey: Survey, code: str, lang: str = "vi") -> list[Request]:
    """From the scan of a counter's code to the thanks, as a browser that has never been here asks for it."""
    form = survey.ask("GET", f"/{code}?lang={lang}", headers=GZIP)
    page = Page(form.page)
    (script,) = page.loaded
    filled = page.fields | {name: values[0] for name, values in page.choices.items()}
    sent = survey.ask("POST", page.action, urlencode(filled).encode(), FORM | GZIP)
    return [
        _request("form", form),
        _request("script", survey.ask("GET", script, headers=GZIP)),
        _request("service worker", survey.ask("GET", WORKER.path, headers=GZIP)),
        _request("sending", sent),
        _request("thanks", survey.ask("GET", sent.headers["Location"], headers=GZIP)),
    ]


def _request(what: str, answer: Answer) -> Request:
    packed = answer.headers.get("Content-Encoding") == "gzip"
    raw = len(gzip.decompress(answer.body)) if packed else len(answer.body)
    return Request(what, answer.status, raw, len(answer.body), answer.transferred)


PAGES = {
    "form, quick-5@1": f"/{OPEN}",
    "form, several agencies": f"/{SHARED}",
    "form, qd2640@1": f"/{LONG}",
    "form, English": f"/{LONG}?lang=en",
    "thanks": f"/thanks?counter={OPEN}",
    "check": f"/check/{SHARED}",
    "check, unknown": f"/check/{UNKNOWN}",
    "check, which?": "/check",
    "revoked": f"/{REVOKED}",
    "unknown": f"/{UNKNOWN}",
    "kiosk": f"/{SHARED}?kiosk=1",
    "form's script": FORM_SCRIPT.path,
    "kiosk's script": KIOSK_SCRIPT.path,
    "service worker": WORKER.path,
}


def measured(survey: Survey) -> dict[str, Any]:
    pages = {what: _request(what, survey.ask("GET", path, headers=GZIP)) for what, path in PAGES.items()}
    visits = {
        name: visit(survey, code)
        for name, code in {"quick-5@1": OPEN, "several agencies": SHARED, "qd2640@1": LONG}.items()
    }
    return {
        "pages": {what: request._asdict() for what, request in pages.items()},
        "visits": {
            name: {
                "requests": len(requests),
                "transferred": sum(request.transferred for request in requests),
                "again": sum(r.transferred for r in requests if r.what not in {"script", "service worker"}),
            }
            for name, requests in visits.items()
        },
        "machine": machine(),
    }


def table(found: dict[str, Any]) -> str:
    lines = [f"{'page':26}{'bytes':>9}{'gzip':>9}{'with headers':>14}"]
    lines += [
        f"{what:26}{page['raw']:>9,}{page['body']:>9,}{page['transferred']:>14,}"
        for what, page in found["pages"].items()
    ]
    lines += ["", f"{'visit, scan to thanks':26}{'requests':>9}{'bytes':>9}{'next time':>14}"]
    lines += [
        f"{name:26}{of['requests']:>9}{of['transferred']:>9,}{of['again']:>14,}" for name, of in found["visits"].items()
    ]
    return "\n".join([*lines, "", found["machine"]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place, KafkaServer(Path(place) / "kafka") as kafka:
        set_up_namespace(kafka.bootstrap, "bench", small_registry())
        with Survey(kafka.bootstrap, "bench", Path(place) / "survey") as survey:
            found = measured(survey)
    print(json.dumps(found, indent=1) if options.json else table(found))


if __name__ == "__main__":
    main()
