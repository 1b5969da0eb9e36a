"""A made-up province for the posters' tests, and a reader of QR codes that did not make them."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date
from io import BytesIO

import pypdfium2
import zxingcpp
from PIL import Image

from services.board.posters.content import Poster, poster_of
from sipas.codes import with_check
from sipas.events import Entry
from sipas.problems import Text
from sipas.registry import Registry
from tests.survey_stack import entry, names

URL = "https://khaosat.tinhmau.example"
DAY = date(2026, 11, 25)
POSTER = Poster(
    code="7H7ZGPHX43",
    url=f"{URL}/7H7ZGPHX43",
    site="khaosat.tinhmau.example",
    place=Text("Trung tâm Phục vụ hành chính công tỉnh Mẫu", "Public Administration Service Centre of Mẫu Province"),
    counter=Text("Quầy số 7", "Counter 7"),
    agencies=(Text("Sở Nội vụ", "Department of Home Affairs"),),
    printed_on=DAY,
    demo=False,
)
LONG = Text(
    "Quầy tiếp nhận hồ sơ và trả kết quả giải quyết thủ tục hành chính về đất đai, môi trường, tài nguyên nước, "
    "khoáng sản, đo đạc bản đồ, chăn nuôi, thú y và thủy sản cho người dân các xã ở vùng biên giới",
    "Counter for receiving dossiers and returning results of procedures on land, environment, water resources, "
    "minerals, surveying, livestock, veterinary services and fisheries for communes near a border",
)
LONGEST = replace(POSTER, place=LONG, counter=LONG, agencies=(LONG, LONG, LONG), demo=True)


def province(counters: int, *, demo: bool = True) -> list[Entry]:
    """Ten counters a place, each of one agency; the tenth is a shared one of four."""
    made = [
        entry("namespace", "t", timezone="Asia/Ho_Chi_Minh", partitions=3, demo=demo),
        entry("block", "xa", name=names("Xã"), order=1),
        *(entry("agency", f"so-{n}", name=names(f"Sở thứ {n}"), block="xa", kind="SO") for n in range(4)),
    ]
    for at in range(-(-counters // 10)):
        name = f"Ủy ban nhân dân xã Mẫu {at:03}"
        made.append(entry("place", f"xa-{at}", name=names(f"Trung tâm Phục vụ hành chính công xã Mẫu {at:03}")))
        made.append(entry("agency", f"xa-{at}", name=names(name), block="xa", kind="XA"))
    for number, code in enumerate(codes(counters)):
        at, label = divmod(number, 10)
        agencies = [f"so-{n}" for n in range(4)] if label == 9 else [f"xa-{at}"]
        made.append(
            entry(
                "counter",
                code,
                label=names(f"Quầy số {label + 1}"),
                place=f"xa-{at}",
                agencies=agencies,
                method="quick-5@1",
            )
        )
    return made


def codes(counters: int) -> list[str]:
    """Of `province`, in its order."""
    return [with_check(f"{number * 7919 + 31_415_926:09d}") for number in range(counters)]


def posters(registry: Registry) -> list[Poster]:
    return [poster_of(counter, registry, public_url=URL, printed_on=DAY) for counter in registry.counters.values()]


def pages(pdf: bytes, dpi: float) -> Iterator[Image.Image]:
    """The pages as another program renders them."""
    document = pypdfium2.PdfDocument(pdf)
    try:
        for page in document:
            yield page.render(scale=dpi / 72).to_pil().convert("L")
    finally:
        document.close()


def page_texts(pdf: bytes) -> list[str]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [page.get_textpage().get_text_bounded() for page in document]
    finally:
        document.close()


def page_sizes_mm(pdf: bytes) -> list[tuple[int, int]]:
    document = pypdfium2.PdfDocument(pdf)
    try:
        return [tuple(round(points * 25.4 / 72) for points in page.get_size()) for page in document]
    finally:
        document.close()


def spoilt(image: Image.Image) -> Image.Image:
    """Half as large, and through JPEG of quality 60."""
    file = BytesIO()
    image.resize((image.width // 2, image.height // 2), Image.Resampling.BILINEAR).save(file, "JPEG", quality=60)
    return Image.open(file)


def scanned(image: Image.Image) -> Sequence[zxingcpp.Barcode]:
    """Every code in the picture."""
    return zxingcpp.read_barcodes(image)
