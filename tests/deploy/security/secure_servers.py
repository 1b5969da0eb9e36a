"""A broker and a Redis as a data centre has them: encrypted, nobody unnamed, and rights from the files in `deploy`."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path
from string import Template

from deploy.local.programs import HOST, ROOT, ask_redis
from sipas.bootstrap import Access, Bootstrap
from sipas.broker import KafkaAway, Log
from tests.servers import KafkaServer, RedisServer, debians_redis

ADMIN = "admin"
USERS = ("survey", "aggregator", "notifier", "board", "operator", "backup")
REDIS_USERS = ("admin", "aggregator", "notifier", "board", "operator", "limiter")


def password(user: str) -> str:
    return f"{user}-s-secret"


class Certificates:
    """An authority of its own, and one server certificate for this machine."""

    def __init__(self, directory: Path) -> None:
        self.authority = directory / "ca.pem"
        self.key = directory / "server.key"
        self.certificate = directory / "server.crt"
        self.both = directory / "server.pem"
        made = ["-newkey", "rsa:2048", "-nodes", "-days", "2"]
        self._openssl("req", "-x509", *made, "-keyout", directory / "ca.key", "-out", self.authority, "-subj", "/CN=ca")
        self._openssl("req", *made[:-2], "-keyout", self.key, "-out", directory / "server.csr", "-subj", "/CN=server")
        names = directory / "names"
        names.write_text(f"subjectAltName=IP:{HOST}\n")
        signed = ["-CA", self.authority, "-CAkey", directory / "ca.key", "-CAcreateserial", "-days", "2"]
        self._openssl(
            "x509", "-req", "-in", directory / "server.csr", *signed, "-extfile", names, "-out", self.certificate
        )
        self.both.write_text(self.key.read_text() + self.certificate.read_text())

    @staticmethod
    def _openssl(*words: str | Path) -> None:
        subprocess.run(["openssl", *map(str, words)], check=True, capture_output=True)


class SecureKafka(KafkaServer):
    """SASL_SSL with SCRAM-SHA-512 and the StandardAuthorizer; `admin` may do everything."""

    def __init__(self, directory: Path, certificates: Certificates) -> None:
        super().__init__(directory)
        self.authority = certificates.authority
        module = "org.apache.kafka.common.security.scram.ScramLoginModule"
        self.format_options = ["--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={password(ADMIN)}]"]
        self.set(
            {
                "listeners": f"SASL_SSL://{self.bootstrap},CONTROLLER://{HOST}:{self.controller_port}",
                "advertised.listeners": f"SASL_SSL://{self.bootstrap}",
                "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
                "inter.broker.listener.name": "SASL_SSL",
                "sasl.enabled.mechanisms": "SCRAM-SHA-512",
                "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
                "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config": (
                    f'{module} required username="{ADMIN}" password="{password(ADMIN)}";'
                ),
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(certificates.both),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(certificates.authority),
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                # the nameless one is this node to its own controller, on a listener that no client knows
                "super.users": f"User:{ADMIN};User:ANONYMOUS",
            }
        )

    def login(self, user: str) -> Bootstrap:
        return Bootstrap(
            [self.bootstrap],
            Access(protocol="SASL_SSL", username=user, password=password(user), ca_file=self.authority),
        )

    def settings(self, user: str) -> dict[str, str]:
        return {
            "SIPAS_KAFKA_BOOTSTRAP": self.bootstrap,
            "SIPAS_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "SIPAS_KAFKA_USERNAME": user,
            "SIPAS_KAFKA_PASSWORD": password(user),
            "SIPAS_KAFKA_CA_FILE": str(self.authority),
        }

    def ready(self) -> bool:
        try:
            Log(self.login(ADMIN)).close()
        except KafkaAway:
            return False
        return True


def acl_file(path: Path, namespace: str) -> Path:
    """`deploy/redis/users.acl` with passwords, as `envsubst` fills it in."""
    filled = {f"REDIS_{user.upper()}_PASSWORD": password(user) for user in REDIS_USERS}
    template = Template((ROOT / "deploy/redis/users.acl").read_text())
    path.write_text(template.substitute(filled, NAMESPACE=namespace))
    return path


class SecureRedis(RedisServer):
    """With users; `certificates`: reached by TLS only."""

    def __init__(self, directory: Path, namespace: str, certificates: Certificates | None = None) -> None:
        super().__init__(directory)
        self.tls = certificates
        directory.mkdir(parents=True, exist_ok=True)
        self.command += ["--aclfile", str(acl_file(directory / "users.acl", namespace))]
        if certificates is not None:
            self.command[0] = debians_redis(directory)
            self.command[self.command.index("--port") + 1] = "0"
            self.command += ["--tls-port", str(self.port), "--tls-auth-clients", "no"]
            self.command += ["--tls-cert-file", str(certificates.certificate), "--tls-key-file", str(certificates.key)]

    def address(self, user: str, *, name: str = "") -> str:
        scheme, options = ("redis", "") if self.tls is None else ("rediss", f"?ssl_ca_certs={self.tls.authority}")
        return f"{scheme}://{name or user}:{password(user)}@{HOST}:{self.port}/0{options}"

    def ready(self) -> bool:
        if self.tls is not None:
            return bool(re.search("Ready to accept connections", self.log))
        try:
            return ask_redis(self.port, "PING").startswith(b"-NOAUTH")
        except OSError:
            return False


def command(words: Sequence[str], settings: dict[str, str]) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("SIPAS_")}
    env = own | {"PYTHONPATH": str(ROOT)} | settings
    return subprocess.run(words, env=env, cwd=ROOT, capture_output=True, text=True, timeout=180, check=False)
