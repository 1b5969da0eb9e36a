"""How long a citizen waits for the form on an old phone with a weak signal, and what a visit weighs.

    python -m bench.slow_phone [--visits 5]

A real Chromium, its network held to 400 ms and 400 kbit/s by itself, opens each method's form with nothing kept from
before. *Seen* is the first paint of text; *usable* is when all of the form is there and its script, if any, has run.
The network is emulated inside the browser: it delays each request once (not each packet), so a handshake costs one
delay here and two or three on a real line. The processor is this machine's, four times slowed.
"""

import argparse
import statistics
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

from bench.machine import machine
from deploy.local.programs import HOST
from tests.browser.phone import Phone
from tests.browser.registry import COUNTER_OF, browser_registry
from tests.chromium import chromium
from tests.servers import KafkaServer
from tests.survey_stack import Survey, set_up_namespace

LATENCY_MS = 400
BYTES_PER_S = 400_000 / 8
SLOWER = 4
WAITED = """() => new Promise(done => new PerformanceObserver(list => {
    const seen = list.getEntriesByName('first-contentful-paint')[0];
    const [page] = performance.getEntriesByType('navigation');
    if (seen) done([seen.startTime, Math.max(seen.startTime, page.domContentLoadedEventEnd)]);
}).observe({type: 'paint', buffered: true}))"""


def visit(browser: Browser, survey: Survey, method: str) -> tuple[float, float, float, int]:
    """Milliseconds until text is seen and until the form is usable; bytes and requests from scan to thanks."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    phone = Phone(context, f"http://{HOST}:{survey.port}", "slow")
    slow = {"offline": False, "latency": LATENCY_MS}
    with phone.counted_bytes() as received:
        phone.cdp.send(
            "Network.emulateNetworkConditions",
            slow | {"downloadThroughput": BYTES_PER_S, "uploadThroughput": BYTES_PER_S},
        )
        phone.cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
        phone.page.goto(f"{phone.address}/{COUNTER_OF[method]}", wait_until="domcontentloaded")
        seen, usable = phone.page.evaluate(WAITED)
        phone.page.evaluate("document.querySelector('input[type=radio]').checked = true")
        with phone.page.expect_navigation(url="**/thanks*"):
            phone.page.evaluate("document.querySelector('form').requestSubmit()")
        phone.page.wait_for_load_state("networkidle")
    context.close()
    return seen, usable, sum(received), len(phone.requests)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--visits", type=int, default=5, help="of each form; the median is told")
    visits: int = parser.parse_args().visits
    print(machine())
    print(f"{LATENCY_MS} ms, {BYTES_PER_S * 8 / 1000:.0f} kbit/s, processor {SLOWER} times slowed, median of {visits}")
    print(f"{'form':14} {'seen':>8} {'usable':>8} {'scan to thanks':>16} {'requests':>9}")
    with tempfile.TemporaryDirectory() as folder, KafkaServer(Path(folder)) as kafka:
        set_up_namespace(kafka.bootstrap, "slow", browser_registry())
        with Survey(kafka.bootstrap, "slow", Path(folder)) as survey, chromium() as browser:
            print(f"Chromium {browser.version}")
            for method in COUNTER_OF:
                seen, usable, weight, requests = (
                    statistics.median(column)
                    for column in zip(*(visit(browser, survey, method) for _ in range(visits)), strict=True)
                )
                print(
                    f"{method:14} {seen / 1000:6.2f} s {usable / 1000:6.2f} s {weight / 1000:13.1f} kB {requests:9.0f}"
                )


if __name__ == "__main__":
    main()
