"""The pictures of the messages in docs/pictures: `.venv/bin/python -m tests.message_pictures`.

Each is a message as it is sent, shown by the Chromium of `make test` on a phone of 360 pixels, its picture taken from
the mail by its content id, as a mail program does.
"""

import base64
import io
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from deploy.local.programs import ROOT
from services.notifier.message import Message
from sipas.people import Person
from tests.chromium import chromium
from tests.message_samples import life, write

PICTURES = ROOT / "docs/pictures"
CHILDREN = ("so-noi-vu", "so-tu-phap", "so-tai-chinh", "so-cong-thuong", "so-y-te", "so-xay-dung", "so-ngoai-vu")
COLOURS = 64


def chairman() -> Person:
    return Person(
        id="chu-tich",
        name="Chủ tịch Ủy ban nhân dân tỉnh Mẫu",
        email="ct@tinhmau.example",
        leads=("province",),
        role="chairman",
    )


def messages() -> Mapping[str, Message]:
    """Those that are shown, by the name of their picture."""
    fallen = [life(agency, seed)["confirmed"] for seed, agency in enumerate(CHILDREN, start=1)]
    return {
        "message-possible": write("alert", life()["possible"], demo=True),
        "message-confirmed": write("alert", life()["confirmed"], demo=True),
        "message-children": write("children", *fallen, person=chairman(), demo=True),
        "message-weekly": write("digest-weekly", person=chairman(), watched=69, demo=True),
    }


def as_shown(message: Message) -> str:
    """The page with its picture in it."""
    page = message.html
    for picture in message.pictures:
        page = page.replace(f"cid:{picture.cid}", f"data:image/png;base64,{base64.b64encode(picture.png).decode()}")
    return page


def picture_of(browser: Browser, message: Message, *, width: int = 360, scheme: str = "light") -> bytes:
    context = browser.new_context(viewport={"width": width, "height": 640}, color_scheme=scheme)
    page = context.new_page()
    page.set_content(as_shown(message))
    shown = page.screenshot(full_page=True)
    context.close()
    return shown


def small(png: bytes) -> bytes:
    held = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(held, "PNG", optimize=True)
    return held.getvalue()


def main(directory: Path = PICTURES) -> None:
    with chromium() as browser:
        for name, message in messages().items():
            file = directory / f"{name}.png"
            file.write_bytes(small(picture_of(browser, message)))
            print(f"{file.relative_to(ROOT)}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    main()
