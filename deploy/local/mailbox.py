"""A mail server for one machine that delivers nothing: it keeps each mail as a file and shows them on a page.

    python -m deploy.local.mailbox --smtp 1025 --web 8025 --directory DIR

Each mail is DIR/NNNN.eml, in the order of arrival and complete once it is there. The page `/` lists them,
newest first; `/mails` is the same as JSON.
"""

import html
import json
import threading
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
from aiosmtpd.controller import Controller

from deploy.local.programs import HOST

PAGE = """<!doctype html>
<html lang="vi"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>Hộp thư thử nghiệm</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; max-width: 48rem; margin: 0 auto; padding: 0 1rem 3rem; }}
.sample {{ background: #7a1f00; color: #fff; margin: 0 -1rem; padding: .5rem 1rem; font-weight: bold; }}
article {{ border-top: 1px solid #999; padding: .5rem 0; }}
h2 {{ font-size: 1.1rem; margin: .25rem 0; }}
p {{ margin: 0; color: #444; }}
pre {{ white-space: pre-wrap; overflow-wrap: anywhere; font: inherit; }}
</style></head>
<body><div class="sample">DỮ LIỆU MẪU</div>
<h1>Hộp thư thử nghiệm <small lang="en">(test mailbox)</small></h1>
<p>Không thư nào rời khỏi máy này. <span lang="en">No mail leaves this machine.</span></p>
{mails}
</body></html>
"""

MAIL = """<article><h2>{subject}</h2>
<p>{time}</p><p>{sender} → {to}</p>
<pre>{text}</pre></article>"""

NONE_YET = "<p>Chưa có thư nào. <span lang='en'>No mail yet.</span></p>"


@dataclass(frozen=True)
class Mail:
    """What a reader sees of one mail; `time` as the sender wrote it."""

    number: int
    message_id: str
    sender: str
    to: str
    subject: str
    time: str
    text: str


class Store:
    """The mails of one directory, numbered from 1 in the order of arrival, also over restarts."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._lock = threading.Lock()
        self._number = max((number for number, _path in self._files()), default=0)

    def add(self, content: bytes) -> None:
        with self._lock:
            self._number += 1
            part = self._directory / f"{self._number:04}.part"
            part.write_bytes(content)
            part.replace(part.with_suffix(".eml"))

    def newest_first(self) -> list[Mail]:
        return [read_mail(number, path.read_bytes()) for number, path in sorted(self._files(), reverse=True)]

    def _files(self) -> Iterator[tuple[int, Path]]:
        return ((int(path.stem), path) for path in self._directory.glob("*.eml") if path.stem.isdigit())


def read_mail(number: int, content: bytes) -> Mail:
    message = message_from_bytes(content, EmailMessage, policy=modern)
    body = message.get_body(("plain", "html"))
    header = {name: str(message.get(name, "")) for name in ("message-id", "from", "to", "subject", "date")}
    return Mail(
        number=number,
        message_id=header["message-id"],
        sender=header["from"],
        to=header["to"],
        subject=header["subject"],
        time=header["date"],
        text=body.get_content() if body else "",
    )


def page(mails: list[Mail]) -> str:
    shown = [MAIL.format(**{name: html.escape(str(value)) for name, value in asdict(m).items()}) for m in mails]
    return PAGE.format(mails="\n".join(shown) or NONE_YET)


class Receiver:
    """aiosmtpd calls this for each mail; "250" is said only when the file is there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        self._store.add(envelope.content)
        return "250 OK"


def page_server(store: Store, port: int) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path == "/":
                self._answer("text/html", page(store.newest_first()))
            elif self.path == "/mails":
                mails = [asdict(mail) for mail in store.newest_first()]
                self._answer("application/json", json.dumps(mails, ensure_ascii=False, indent=1))
            else:
                self.send_error(404)

        def _answer(self, kind: str, text: str) -> None:
            body = text.encode()
            self.send_response(200)
            self.send_header("Content-Type", f"{kind}; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """A page that is looked at is no event."""

    return ThreadingHTTPServer((HOST, port), Handler)


@click.command()
@click.option("--smtp", type=int, required=True, help="port of the mail server")
@click.option("--web", type=int, required=True, help="port of the page")
@click.option("--directory", type=click.Path(path_type=Path), required=True, help="where the mails are kept")
def main(smtp: int, web: int, directory: Path) -> None:
    store = Store(directory)
    Controller(Receiver(store), hostname=HOST, port=smtp).start()
    page_server(store, web).serve_forever()


if __name__ == "__main__":
    main()
