"""podman with settings and a store of its own under `.local/containers`: neither is the machine's.

No daemon and no systemd are needed: what podman leaves to systemd, the timer of health checks, `is_healthy` does.
"""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
HOME = ROOT / ".local/containers"


def environment() -> dict[str, str]:
    """What podman and podman-compose are started with. Without the caller's settings of ours."""
    HOME.mkdir(parents=True, exist_ok=True)
    engine = '[containers]\ndefault_ulimits = ["nofile=8192:8192", "nproc=4096:4096"]\n[engine]\nruntime = "runc"\n'
    store = f'[storage]\ndriver = "overlay"\ngraphroot = "{HOME}/storage"\nrunroot = "{HOME}/run"\n'
    for name, text in (("containers.conf", engine), ("storage.conf", store)):
        (HOME / name).write_text(text, encoding="utf-8")
    return {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")} | {
        "CONTAINERS_CONF": str(HOME / "containers.conf"),
        "CONTAINERS_STORAGE_CONF": str(HOME / "storage.conf"),
        # the other format has no place for HEALTHCHECK
        "BUILDAH_FORMAT": "docker",
    }


def run(*command: str, timeout_s: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Raises AssertionError with what the command said if `check` and it fails."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert not (check and done.returncode), f"{command} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    return done


def podman(*words: str, timeout_s: float = 600, check: bool = True) -> subprocess.CompletedProcess[str]:
    return run("podman", *words, timeout_s=timeout_s, check=check)


def has_image(name: str) -> bool:
    return podman("image", "exists", name, check=False).returncode == 0


def is_healthy(container: str) -> bool:
    """Runs the container's health check once: without systemd nobody else does."""
    return podman("healthcheck", "run", container, timeout_s=60, check=False).returncode == 0
