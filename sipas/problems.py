"""Errors over HTTP: RFC 9457 `application/problem+json`, in Vietnamese and English.

`code` is short and stable: the member `code` of the answer, the end of its `type`, the label of the metric. RFC 9457
wants `title` and `detail` as strings, so both languages stand in each, and the members `titles` and `errors` hold
them apart for programs.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

CONTENT_TYPE = "application/problem+json"
LONGEST_FIELD = 64
MOST_ERRORS = 20


class Text(NamedTuple):
    """The same words in both languages."""

    vi: str
    en: str

    def __str__(self) -> str:
        return f"{self.vi} / {self.en}"


class Kind(NamedTuple):
    """What went wrong, for every request it can go wrong in."""

    status: int
    title: Text


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "not-json": Kind(400, Text("Nội dung gửi lên không phải là JSON hợp lệ", "The body is not valid JSON")),
        "bad-request": Kind(400, Text("Yêu cầu không hợp lệ", "The request is not valid")),
        "no-key": Kind(401, Text("Cần khóa truy cập", "A key is needed")),
        "bad-key": Kind(401, Text("Khóa truy cập không đúng hoặc đã bị thu hồi", "The key is unknown or revoked")),
        "wrong-scope": Kind(403, Text("Khóa truy cập không cho phép việc này", "The key does not allow this")),
        "not-found": Kind(404, Text("Không tìm thấy", "Not found")),
        "unknown-agency": Kind(404, Text("Không có cơ quan nào mang mã này", "No agency has this id")),
        "unknown-scope": Kind(404, Text("Không có phạm vi nào mang tên này", "There is no such scope")),
        "unknown-scoreboard": Kind(404, Text("Không có bảng điểm này", "There is no such scoreboard")),
        "unknown-counter": Kind(404, Text("Không có quầy nào mang mã này", "No counter has this code")),
        "unknown-link": Kind(
            404,
            Text(
                "Liên kết này không đúng. Xin mở lại liên kết trong thông báo gốc",
                "This link is not right. Please open the link in the message itself",
            ),
        ),
        "unknown-alert": Kind(404, Text("Không tìm thấy cảnh báo này", "There is no such alert")),
        "method-not-allowed": Kind(405, Text("Không hỗ trợ phương thức HTTP này", "This HTTP method is not supported")),
        "rebuilding": Kind(409, Text("Số liệu đang được tính lại", "The figures are being rebuilt")),
        "revoked-counter": Kind(410, Text("Mã của quầy này đã bị thu hồi", "The code of this counter was withdrawn")),
        "expired-link": Kind(
            410,
            Text(
                "Liên kết này không còn hiệu lực. Xin dùng liên kết trong thông báo mới nhất",
                "This link is no longer valid. Please use the link in the newest message",
            ),
        ),
        "too-large": Kind(413, Text("Nội dung gửi lên quá lớn", "The body is too large")),
        "wrong-content-type": Kind(415, Text("Kiểu nội dung không được hỗ trợ", "The content type is not supported")),
        "invalid": Kind(422, Text("Dữ liệu gửi lên không hợp lệ", "The data is not valid")),
        "internal": Kind(500, Text("Lỗi của hệ thống", "An error of the system")),
        "figures-away": Kind(503, Text("Tạm thời chưa đọc được số liệu", "The figures cannot be read now")),
        "comments-away": Kind(503, Text("Tạm thời chưa đọc được góp ý", "Comments cannot be read now")),
        "decisions-away": Kind(
            503,
            Text(
                "Chưa ghi được quyết định của Ông/Bà. Xin quay lại và thử lại sau ít phút",
                "Your decision was not recorded. Please go back and try again in a few minutes",
            ),
        ),
        "unavailable": Kind(503, Text("Hệ thống tạm thời chưa nhận được phiếu", "The system cannot take answers now")),
    }
)


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field and what is wrong with it; `field` is a path such as `answers.STAFF`."""

    field: str
    code: str
    detail: Text


class Problem(Exception):
    """An answer that is an error. Raised anywhere in a request, turned into a response in one place."""

    def __init__(
        self,
        code: str,
        *,
        detail: Text | None = None,
        errors: Iterable[FieldError] = (),
        headers: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        super().__init__(code)
        self.code = code
        self.status, self.title = KINDS[code]
        self.detail = detail
        self.errors = tuple(errors)[:MOST_ERRORS]
        self.headers = dict(headers)

    def body(self) -> bytes:
        """The problem+json document."""
        document: dict[str, object] = {
            "type": f"urn:sipas:problem:{self.code}",
            "title": str(self.title),
            "titles": self.title._asdict(),
            "status": self.status,
            "code": self.code,
        }
        if self.errors:
            vi = "; ".join(f"{_shown(error.field)}: {error.detail.vi}" for error in self.errors)
            en = "; ".join(f"{_shown(error.field)}: {error.detail.en}" for error in self.errors)
            document["detail"] = str(Text(vi, en))
            document["errors"] = [
                {"field": _shown(error.field), "code": error.code, "detail": error.detail._asdict()}
                for error in self.errors
            ]
        elif self.detail:
            document["detail"] = str(self.detail)
        # a field name is the client's: it may hold half a surrogate pair, which has no UTF-8
        return json.dumps(document, ensure_ascii=False).encode("utf-8", "replace")


def _shown(field: str) -> str:
    return field if len(field) <= LONGEST_FIELD else field[: LONGEST_FIELD - 1] + "…"
