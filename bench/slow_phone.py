"""How long a citizen waits for the form on an old phone with a weak signal.

    python -m bench.slow_phone [--visits 5]

A real Chromium, its network held to 400 ms and 400 kbit/s by itself, opens each method's form with nothing kept from
before. *Seen* is the first paint of text; *usable* is when all of the form is there and its script, if any, has run.
The network is emulated inside the browser, which delays requests and not packets: a real line adds a delay for TCP's
handshake and one for that of TLS 1.3, so the last column adds both. The processor is this machine's, four times slowed.
What a visit weighs: `bench.weight`.
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

LATENCY_S = 0.4
BITS_PER_S = 400_000
HANDSHAKES = 2
SLOWER = 4
WAITED = """() => new Promise(done => new PerformanceObserver(list => {
    const seen = list.getEntriesByName('first-contentful-paint')[0];
    const [page] = performance.getEntriesByType('navigation');
    if (seen) done([seen.startTime, Math.max(seen.startTime, page.domContentLoadedEventEnd)]);
}).observe({type: 'paint', buffered: true}))"""


def visit(browser: Browser, survey: Survey, method: str) -> tuple[float, float]:
    """Seconds until text is seen and until the form is usable."""
    context = browser.new_context(viewport={"width": 360, "height": 740})
    phone = Phone(context, f"http://{HOST}:{survey.port}", "slow")
    phone.cdp.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": LATENCY_S * 1000,
            "downloadThroughput": BITS_PER_S / 8,
            "uploadThroughput": BITS_PER_S / 8,
        },
    )
    phone.cdp.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    phone.page.goto(f"{phone.address}/{COUNTER_OF[method]}", wait_until="domcontentloaded")
    seen, usable = phone.page.evaluate(WAITED)
    context.close()
    return seen / 1000, usable / 1000


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--visits", type=int, default=5, help="of each form; the median is told")
    visits: int = parser.parse_args().visits
    print(machine())
    print(f"{LATENCY_S * 1000:.0f} ms, {BITS_PER_S / 1000:.0f} kbit/s, processor {SLOWER} times slowed, of {visits}")
    print(f"{'form':14} {'seen':>8} {'usable':>8} {'at most':>8} {'with TCP and TLS':>18}")
    with tempfile.TemporaryDirectory() as folder, KafkaServer(Path(folder)) as kafka:
        set_up_namespace(kafka.bootstrap, "slow", browser_registry())
        with Survey(kafka.bootstrap, "slow", Path(folder)) as survey, chromium() as browser:
            print(f"Chromium {browser.version}")
            for method in COUNTER_OF:
                seen, usable = zip(*(visit(browser, survey, method) for _ in range(visits)), strict=True)
                middle = statistics.median(usable)
                print(
                    f"{method:14} {statistics.median(seen):6.2f} s {middle:6.2f} s {max(usable):6.2f} s "
                    f"{middle + HANDSHAKES * LATENCY_S:16.2f} s"
                )


if __name__ == "__main__":
    main()
