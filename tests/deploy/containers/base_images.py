"""Stand-ins for the public base images, made of this machine's Debian packages, where the public ones are out of reach.

    python -m tests.deploy.containers.base_images

Only what the store does not hold is made: pull the public images into it first, and nothing is. The names and tags are
those that the Dockerfile and the compose file ask for; the programs in them are Debian's, so older or newer ones.
Needs root, podman, debootstrap, and Kafka's jars (`make setup`). Mirror, certificates and index are the machine's.
"""

import os
import re
import shutil
import ssl
import subprocess
import tempfile
from pathlib import Path

import yaml

from deploy.local.programs import KAFKA_JARS
from tests.deploy.containers.podman import ROOT, environment, has_image, podman

BASES = Path(__file__).with_name("bases")
DEBIAN = "localhost/sipas-test-debian:bookworm"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"
UNAVAILABLE = ("grafana", "mail")
"""Services of the compose file whose programs Debian does not have."""


def wanted() -> dict[str, str]:
    """Folder of `bases` -> name and tag of the image it stands in for."""
    dockerfile = (ROOT / "deploy/docker/Dockerfile").read_text(encoding="utf-8")
    python = re.search(r"^ARG PYTHON_IMAGE=(\S+)$", dockerfile, re.MULTILINE)
    assert python is not None
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    names = ("redis", "kafka", "prometheus", "alertmanager")
    return {"python": python[1], **{name: services[name]["image"] for name in names}}


def mirror() -> tuple[str, str]:
    """(address, suite) of Debian's main archive, as this machine's own sources have it."""
    codename = re.search(r"^VERSION_CODENAME=(\w+)$", Path("/etc/os-release").read_text(), re.MULTILINE)
    assert codename is not None, "this machine is no Debian"
    asked = ["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"]
    for line in subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines():
        address, release = line.split()
        if release == codename[1]:
            return address, release
    raise SystemExit("this machine's apt has no source for its own release")


def make_debian() -> None:
    """The smallest Debian, with this machine's sources and certificates in it."""
    address, suite = mirror()
    with tempfile.TemporaryDirectory(prefix="sipas-debian-") as folder:
        root = Path(folder) / "root"
        command = ["debootstrap", "--variant=minbase", "--include=ca-certificates", suite, str(root), address]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        (root / "etc/apt/sources.list").unlink(missing_ok=True)
        for source in ("sources.list", "sources.list.d"):
            machines = Path("/etc/apt") / source
            if machines.is_dir():
                shutil.copytree(machines, root / "etc/apt" / source, dirs_exist_ok=True)
            elif machines.exists():
                shutil.copy(machines, root / "etc/apt" / source)
        shutil.copy(BASES / "debian/apt.conf", root / "etc/apt/apt.conf.d/99stand-in")
        certificates = os.environ.get("SSL_CERT_FILE") or ssl.get_default_verify_paths().openssl_cafile
        shutil.copy(certificates, root / CERTIFICATES)
        index = f"index-url = {os.environ['PIP_INDEX_URL']}\n" if os.environ.get("PIP_INDEX_URL") else ""
        (root / "etc/pip.conf").write_text(f"[global]\ncert = /{CERTIFICATES}\n{index}")
        for rest in (*root.glob("var/cache/apt/archives/*.deb"), *root.glob("var/lib/apt/lists/*")):
            shutil.rmtree(rest) if rest.is_dir() else rest.unlink()
        for rest in ("doc", "man", "locale"):
            shutil.rmtree(root / "usr/share" / rest, ignore_errors=True)
        archive = ["tar", "-C", str(root), "--numeric-owner", "-c", "."]
        settings = ["-c", "ENV DEBIAN_FRONTEND=noninteractive", "-c", "ENV LANG=C.UTF-8", "-c", 'CMD ["bash"]']
        command = ["podman", "import", "-q", *settings, "-", DEBIAN]
        with subprocess.Popen(archive, stdout=subprocess.PIPE, env=environment()) as tar:
            subprocess.run(command, stdin=tar.stdout, check=True, env=environment(), stdout=subprocess.DEVNULL)
        assert tar.returncode == 0


def make(folder: str, name: str) -> None:
    with tempfile.TemporaryDirectory(prefix="sipas-base-") as made:
        context = Path(made) / folder
        shutil.copytree(BASES / folder, context)
        if folder == "kafka":
            shutil.copytree(KAFKA_JARS, context / "libs", ignore=shutil.ignore_patterns(".complete"))
        build = ["build", "--network", "host", "--format", "docker", "-q", "--build-arg", f"DEBIAN={DEBIAN}"]
        podman(*build, "-t", f"localhost/{name}", str(context), timeout_s=1200)


def main() -> None:
    missing = {folder: name for folder, name in wanted().items() if not has_image(name)}
    if missing and not has_image(DEBIAN):
        print("making a Debian base image (a minute)", flush=True)
        make_debian()
    for folder, name in missing.items():
        print(f"making a stand-in for {name}", flush=True)
        make(folder, name)


if __name__ == "__main__":
    main()
