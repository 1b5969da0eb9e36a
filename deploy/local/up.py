"""Runs the demo stack of one machine in the foreground until Ctrl-C or SIGTERM.

    python -m deploy.local.up [--home DIR] [--ports-from N] [--servers-only]

--home        where data, logs, keys and the secret are kept (default .local)
--ports-from  the first of twelve ports in a row (default: the known ones), so that two stacks can run
--servers-only  Kafka, Redis and the mailbox, empty: for work on a service that is started by hand

Settings in the environment (SIPAS_…) win over the defaults. A process of the stack is known by the mark in
its environment, so what a killed stack left behind is found, named and not taken for somebody else's.
"""

import fcntl
import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

import click

from deploy.local import ports, programs
from deploy.local.stack import (
    KEY_SCOPES,
    LISTENERS,
    PREPARATION,
    SECRETS,
    Program,
    Stack,
    key_command,
    make_stack,
    servers,
    services,
)
from deploy.local.supervision import Supervisor

MARK = "LOCAL_STACK_OF"
CLUSTER_ID = "c2lwYXMtbG9jYWwtMDAwMA"
READY_TIMEOUT_S = 90


class CannotStartError(Exception):
    """Said to the user as it is; nothing is left running."""


class Interrupted(BaseException):
    """Ctrl-C, SIGTERM or a closed terminal; a BaseException, so that no handler takes it for a failure."""


def interrupt(_number: int, _frame: object) -> NoReturn:
    # the second Ctrl-C of an impatient user must not stop the stopping, which ends by itself
    for number in SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Interrupted


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def lock(home: Path) -> IO[str]:
    """Held while the stack runs; released by the system when the process ends, however it ends."""
    home.mkdir(parents=True, exist_ok=True)
    file = (home / "lock").open("a+", encoding="utf-8")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        pid = file.read().strip()
        raise CannotStartError(
            f"The stack of {home} is running already (process {pid}): stop it there with Ctrl-C, or kill {pid}"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def check_nothing_left(home: Path) -> None:
    left = ports.marked(f"{MARK}={home}")
    if left:
        lines = "\n".join(f"  {process}" for process in left)
        pids = " ".join(str(process.pid) for process in left)
        raise CannotStartError(f"An earlier stack of {home} was killed and left behind:\n{lines}\nkill {pids}")


def check_ports(stack: Stack) -> None:
    taken = []
    for listener in LISTENERS:
        port = stack.ports[listener.name]
        if ports.is_free(programs.HOST, port):
            continue
        by = ports.holder(port)
        who = str(by) if by else "a program that cannot be seen from here"
        ours = ", which belongs to another local stack" if by and ports.is_marked(by, MARK) else ""
        other = "--ports-from"
        if listener.setting:
            example = listener.value.format(port=port + 10_000)
            other = f"{listener.setting}, for example {listener.setting}={example}"
        taken.append(f"Port {port} ({listener.name}) is in use by {who}{ours}.\n  Another port: {other}")
    if taken:
        raise CannotStartError("\n".join(taken))


def kept_secret(file: Path) -> str:
    """Made on the first start; the form tokens and links of yesterday stay valid today."""
    if not file.exists():
        write_private(file, secrets.token_hex(32))
    return file.read_text(encoding="utf-8").strip()


def write_private(file: Path, text: str) -> None:
    """Complete or not at all, and for this user only."""
    part = file.with_suffix(".part")
    part.touch(mode=0o600)
    part.write_text(text, encoding="utf-8")
    part.replace(file)


def prepare_data(stack: Stack) -> None:
    for folder in (stack.log, stack.data / "redis", stack.data / "limiter", stack.data / "spool", stack.data / "mail"):
        folder.mkdir(parents=True, exist_ok=True)
    kafka = stack.data / "kafka"
    text = programs.kafka_properties(stack.ports["kafka"], stack.ports["kafka controller"], kafka)
    stack.kafka_properties.write_text(text, encoding="utf-8")
    if not (kafka / "meta.properties").exists():
        run("Kafka's data directory", programs.kafka_format_command(stack.kafka_properties, CLUSTER_ID))


def run(name: str, command: list[str], environment: Mapping[str, str] | None = None) -> str:
    """The command's output; raises CannotStartError with it if the command fails."""
    done = subprocess.run(command, env=environment, cwd=programs.ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stdout + done.stderr).strip()
        raise CannotStartError(f"{name}: `{shlex.join(command)}` failed with exit code {done.returncode}:\n{said}")
    return done.stdout


def wait(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + READY_TIMEOUT_S
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)  # a server that starts announces nothing: it has to be asked
    return True


def serves(program: Program, supervisor: Supervisor) -> bool:
    """Wait until it serves, or until waiting longer is of no use; whether it serves.

    Its answer is asked for once: each worker of a service answers for itself, and the next to be asked may be one
    that is still starting.
    """
    answers = False

    def settled() -> bool:
        nonlocal answers
        answers = program.ready()
        return answers or not supervisor.alive or supervisor.keeps_ending(program)

    return wait(settled) and answers and supervisor.alive


def start(supervisor: Supervisor, group: list[Program], stack: Stack) -> None:
    """Returns when all of the group serve; raises CannotStartError with the log of the one that does not."""
    began = time.monotonic()
    supervisor.start(group)
    for program in group:
        if not serves(program, supervisor):
            file = stack.log / f"{program.name}.log"
            tail = "\n".join(file.read_text(errors="replace").splitlines()[-20:]) if file.exists() else ""
            raise CannotStartError(f"{program.name} does not get ready. The end of {file}:\n{tail}")
    names = ", ".join(program.name for program in group)
    click.echo(f"  {names}: ready after {time.monotonic() - began:.1f} s")


def load_sample(stack: Stack, environment: Mapping[str, str]) -> None:
    for step in PREPARATION:
        stamp = stack.data / f"done-{step.name.replace(' ', '-')}"
        if step.once and stamp.exists():
            continue
        run(step.name, step.command, environment)
        stamp.touch()
        click.echo(f"  {step.name}: done")


def kept_keys(stack: Stack, environment: Mapping[str, str]) -> dict[str, str]:
    """{scope: key}, made when the data or the file is new: Kafka holds only their hashes."""
    file = stack.home / "keys.json"
    stamp = stack.data / "done-keys"
    if not (file.exists() and stamp.exists()):
        made = {scope: json.loads(run("keys", key_command(scope), environment))["key"] for scope in KEY_SCOPES}
        write_private(file, json.dumps(made, indent=1) + "\n")
        stamp.touch()
    keys: dict[str, str] = json.loads(file.read_text(encoding="utf-8"))
    return keys


def write_environment(stack: Stack, keys: Mapping[str, str]) -> Path:
    """What a command in another terminal needs, to be read with `.`

    SUBMIT_KEY and READ_KEY are for curl; they are no settings.
    """
    file = stack.home / "env"
    names = {"import": "SIPAS_IMPORT_KEY", "submit": "SUBMIT_KEY", "read": "READ_KEY"}
    values = {**stack.settings, **{names[scope]: key for scope, key in keys.items()}}
    lines = [f"export {name}={shlex.quote(value)}\n" for name, value in sorted(values.items())]
    write_private(file, "".join(lines))
    return file


def print_addresses(stack: Stack, running: list[Program], keys: Mapping[str, str]) -> None:
    click.echo("\nDỮ LIỆU MẪU: a demo stack with made-up data.\n")
    health = {f"{p.name} health": stack.address(f"{p.name} admin") + "/readyz" for p in running}
    pages = {name: stack.address(name) for name in ("survey", "board") if running}
    rows = {
        **pages,
        "mailbox": stack.address("mailbox"),
        "Kafka": stack.settings["SIPAS_KAFKA_BOOTSTRAP"],
        "Redis": stack.settings["SIPAS_REDIS_URL"],
        "limiter": stack.settings["SIPAS_LIMITER_URL"],
        **health,
        **{f"key: {scope}": key for scope, key in keys.items()},
        "logs": str(stack.log),
        "settings": f". {write_environment(stack, keys)}   (for `sipas` in another terminal)",
    }
    for name, value in rows.items():
        click.echo(f"  {name:18} {value}")
    click.echo("\nREADY. Ctrl-C stops everything.")


def run_stack(stack: Stack, *, servers_only: bool) -> None:
    """Returns only by an exception: Interrupted, or CannotStartError."""
    mark = {MARK: str(stack.home)}
    environment = {**os.environ, **stack.settings, **mark, "PYTHONUNBUFFERED": "1"}
    below, above = servers(stack), [] if servers_only else services(stack)
    groups = {"servers": below} | ({"services": above} if above else {})
    supervisor = Supervisor(stack.log, groups, environment)
    try:
        supervisor.launch()
        wait(lambda: supervisor.answers or not supervisor.alive)
        start(supervisor, below, stack)
        keys: dict[str, str] = {}
        if above:
            load_sample(stack, environment)
            keys = kept_keys(stack, environment)
            start(supervisor, above, stack)
        print_addresses(stack, above, keys)
        while supervisor.alive:
            time.sleep(0.5)  # until a signal; supervisord restarts what dies
        raise CannotStartError("supervisord ended by itself: everything is stopped")
    finally:
        for number in SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        # the terminal may be gone
        with suppress(OSError):
            click.echo("\nStopping.")
        supervisor.stop()
        for process in ports.marked(f"{MARK}={stack.home}"):
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def forget(home: Path) -> None:
    for name in ("data", "log"):
        shutil.rmtree(home / name, ignore_errors=True)
    for name in ("keys.json", *SECRETS.values(), "env"):
        (home / name).unlink(missing_ok=True)


@click.command()
@click.option("--home", type=click.Path(path_type=Path), default=programs.ROOT / ".local")
@click.option("--ports-from", type=click.IntRange(1024, 65_000))
@click.option("--servers-only", is_flag=True)
@click.option("--forget", "only_forget", is_flag=True, help="delete data, logs, keys and secrets; start nothing")
def main(home: Path, ports_from: int | None, servers_only: bool, only_forget: bool) -> None:
    for number in SIGNALS:
        # nohup
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, interrupt)
    home = home.resolve()
    try:
        with lock(home):
            check_nothing_left(home)
            if only_forget:
                forget(home)
                return
            programs.check_set_up()
            kept = {setting: kept_secret(home / name) for setting, name in SECRETS.items()}
            stack = make_stack(home, os.environ, kept, ports_from)
            check_ports(stack)
            prepare_data(stack)
            run_stack(stack, servers_only=servers_only)
    except (CannotStartError, programs.NotSetUpError) as error:
        click.echo(str(error), err=True)
        sys.exit(1)
    except Interrupted:
        click.echo("Stopped.")


if __name__ == "__main__":
    main()
