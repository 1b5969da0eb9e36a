"""Puts a Chromium at the path given, for the tests: a link to the one on this machine, which root's apt-get may bring.

Only the tests need it, so only `make test` asks for it. The environment variable CHROMIUM names one that is elsewhere.
Chromium's headless shell is the same browser without windows, and what playwright itself would bring: with it the tests
of pages take half of the processor's time. Where it cannot be had, a whole Chromium does.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

HEADLESS_SHELL = "chromium-headless-shell"
NAMES = (HEADLESS_SHELL, "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PACKAGES = (HEADLESS_SHELL, "fonts-noto-core")
"""Of Debian. The second has every Vietnamese letter; pictures of pages would show boxes without it."""
APT_LISTS = Path("/var/lib/apt/lists")
ADVICE = f"""\
The browser tests need a Chromium (or Chrome).
  Debian, as root:  apt-get install -y --no-install-recommends {" ".join(PACKAGES)}
  Ubuntu:           Google Chrome's own package, or `snap install chromium`
  elsewhere:        CHROMIUM=/path/to/it make test"""


def runs(browser: str) -> bool:
    """Whether it says its version: Ubuntu has a `chromium-browser` that only tells people to use snap."""
    try:
        return subprocess.run([browser, "--version"], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def find(environment: Mapping[str, str]) -> Path | None:
    """The Chromium that CHROMIUM names, else the first on PATH that runs."""
    names = [environment["CHROMIUM"]] if "CHROMIUM" in environment else NAMES
    for name in names:
        found = shutil.which(name, path=environment.get("PATH"))
        if found and runs(found):
            # not resolved: snap's programs know themselves by the name of the link
            return Path(found).absolute()
    return None


def install() -> None:
    """Installs it if this is root on a system with apt-get that has it."""
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        return
    print(f"Installing {' and '.join(PACKAGES)} for the browser tests", flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    commands = [["apt-get", "install", "-y", "-qq", "--no-install-recommends", *PACKAGES]]
    if not any(APT_LISTS.glob("*_Packages*")):
        commands.insert(0, ["apt-get", "update", "-qq"])
    for command in commands:
        subprocess.run(command, env=environment, check=False, stdout=subprocess.DEVNULL)


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    if "CHROMIUM" not in os.environ and shutil.which(HEADLESS_SHELL) is None:
        install()
    found = find(os.environ)
    if found is None:
        print(ADVICE, file=sys.stderr)
        return 1
    print(f"The browser tests use {found}")
    target.symlink_to(found)
    return 0


if __name__ == "__main__":
    sys.exit(main())
