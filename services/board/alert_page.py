"""`/alerts/<token>`: an alert for the leader whose link it is. GET and HEAD show, only POST decides.

Mail servers and chat programs open links to look at them, so nothing but a form that this page made may change
anything. Rendered on the server, without script or cookie. What stands here is not public, and the address is all that
is needed to see it: no browser may keep the page, or tell another site where it came from.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any, NamedTuple, get_args
from urllib.parse import urlencode

from flask import Flask, Response, redirect, request

from services.board.formats import Language, count_text, day_text, decimal_text, minute_text, percent_text
from services.board.pages import DEFAULT_PERIOD, FORM_HEADERS, Asked, templates
from services.board.parts import Parts
from services.board.wording import PAGES, words_of
from sipas.alert_book import ENDINGS, Alert
from sipas.alert_decisions import LONGEST_NOTE, SNOOZE_DAYS, Act, Refused, decide
from sipas.alert_links import LinkExpired, LinkForged
from sipas.broker import KafkaAway, PublishFailed
from sipas.events import AlertChanged, AlertDecided, Measured
from sipas.people import Person, leads
from sipas.problems import Problem

WORDS = words_of("alert_wording.yaml")
ADDRESS = "/alerts/<token>"
PAGE_HEADERS = {
    **FORM_HEADERS,
    "Cache-Control": "no-store",
    "X-Robots-Tag": "noindex, nofollow",
}
MOST_BYTES = 16 * 1024
COMMAND_LINE = "command-line"


@dataclass(frozen=True, slots=True)
class Opened:
    """Who opened which alert by which link."""

    token: str
    person: Person
    alert: Alert
    language: Language

    @property
    def may_decide(self) -> bool:
        """An observer only looks on."""
        return self.person.role != "observer"


class Told(NamedTuple):
    """One line of what happened: when, by whom, what, and what was written."""

    when: str
    who: str
    what: str
    note: str


def add_alert_page(app: Flask, parts: Parts) -> None:
    """Put the page's routes into the application."""
    page = AlertPage(parts)
    app.add_url_rule(ADDRESS, view_func=page.show, endpoint="page-alert", methods=["GET"])
    app.add_url_rule(ADDRESS, view_func=page.take, endpoint="page-alert-decision", methods=["POST"])


class AlertPage:
    """Both ways to ask for it."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._templates = templates()

    def show(self, token: str) -> Response:
        """`GET`: the alert, or the step that asks whether a decision is meant."""
        opened = self._open(token)
        if said := request.args.get("said"):
            self._parts.leading.heard(said)
            opened = self._open(token)
        step = request.args.get("step")
        return self._page(
            opened, step=step if step in ENDINGS and opened.alert.open and opened.may_decide else None, said=said
        )

    def take(self, token: str) -> Response:
        """`POST`: one decision, acknowledged before the answer; then the page, by GET."""
        opened = self._open(token)
        if (request.content_length or 0) > MOST_BYTES:
            raise Problem("too-large")
        if not opened.may_decide:
            raise Problem("wrong-scope")
        form, parts = request.form, self._parts
        act, note, days = form.get("act", ""), form.get("note", ""), form.get("days", "")
        id_ = parts.leading.nonces.decision_id(form.get("nonce", ""), token, act, note, days)
        if id_ is None or act not in get_args(Act):
            raise Problem("bad-request")
        there = f"{request.path}?{urlencode(_asked(opened, said=id_))}"
        if not parts.alerts().has(id_):
            try:
                made = decide(
                    opened.alert,
                    act,  # type: ignore[arg-type]  # one of them, as was just seen
                    id_=id_,
                    by=opened.person.id,
                    at=parts.now(),
                    today=parts.today(),
                    demo=parts.demo,
                    note=note,
                    days=int(days) if days.isascii() and days.isdigit() and len(days) < 4 else None,
                )
            except Refused as refused:
                return self._page(opened, step=act if act in ENDINGS else None, refused=refused.code, written=note)
            try:
                parts.leading.decide(made)
            except (PublishFailed, KafkaAway):
                raise Problem("decisions-away", headers={"Retry-After": "60"}) from None
        # by the path, so that a browser that goes back or loads again asks for no second decision
        answer = redirect(there, code=303)
        answer.headers.update(PAGE_HEADERS)
        return answer  # type: ignore[return-value]  # Flask's own Response, as werkzeug types it

    def _open(self, token: str) -> Opened:
        """Raises `Problem` unknown-link, expired-link or unknown-alert."""
        parts = self._parts
        try:
            link = parts.leading.links.read(token, now=parts.now())
        except LinkForged:
            raise Problem("unknown-link") from None
        except LinkExpired:
            raise Problem("expired-link") from None
        person = parts.leading.people().by_id.get(link.person)
        if person is None or not leads(person, link.alert[0], parts.registry().agencies):
            # erased, or no longer their concern
            raise Problem("expired-link")
        alert = parts.alerts().alerts.get(link.alert)
        if alert is None:
            raise Problem("unknown-alert")
        asked = request.args.get("lang")
        language: Language = "en" if (asked or person.language) == "en" else "vi"
        return Opened(token, person, alert, language)

    def _page(
        self,
        opened: Opened,
        *,
        step: str | None = None,
        said: str | None = None,
        refused: str | None = None,
        written: str = "",
    ) -> Response:
        parts, language, alert = self._parts, opened.language, opened.alert
        now = parts.now()

        def s(key: str, **inserted: object) -> str:
            text: str = getattr(WORDS[key], language)
            return text.format(**inserted) if inserted else text

        def address(**more: str) -> str:
            query = urlencode(_asked(opened, **more))
            return f"{request.path}?{query}" if query else request.path

        other: Language = "vi" if language == "en" else "en"
        fallen = next((one for one in reversed(alert.changes) if one.kind in {"possible", "confirmed"}), alert.newest)
        agency = parts.registry().agency(fallen.agency)
        html = self._templates.get_template("alert.html").render(
            lang=language,
            other=other,
            other_address=address(lang=other, **({"step": step} if step else {})),
            demo=parts.demo,
            asked=Asked(language, DEFAULT_PERIOD, None),
            w=lambda key: getattr(PAGES[key], language),
            s=s,
            address=address,
            day=day_text,
            measured=partial(_measured, language=language),
            percent=lambda value: percent_text(Decimal(str(value)), language),
            whole=lambda value: count_text(round(value), language),
            name=fallen.agency if agency is None else getattr(agency.name, language),
            state=alert.standing,
            alert=alert,
            fallen=fallen,
            criterion=self._criterion(fallen, language),
            person=opened.person,
            may_decide=opened.may_decide,
            history=[self._told(one, s) for one in alert.decisions],
            acknowledged=alert.acknowledged and self._told(alert.acknowledged, s),
            ended=alert.closed and self._told(alert.closed, s),
            told=[(self._name(one.person, s), minute_text(one.at, parts.zone)) for one in alert.told],
            snoozed=minute_text(alert.snoozed_until, parts.zone)
            if alert.snoozed_until is not None and alert.snoozed(now)
            else None,
            days=[(one, day_text((now + timedelta(days=one)).astimezone(parts.zone).date())) for one in SNOOZE_DAYS],
            nonce=parts.leading.nonces.make(opened.token),
            longest=LONGEST_NOTE,
            step=step,
            said=next((one.act for one in alert.decisions if one.id == said), None),
            refused=refused,
            written=written,
        )
        status = 200 if refused is None else 422
        return Response(html, status, headers=dict(PAGE_HEADERS), content_type="text/html; charset=utf-8")

    def _told(self, made: AlertDecided, s: Any) -> Told:
        what = s(f"did-{made.act}", until=minute_text(made.until, self._parts.zone) if made.until else "")
        return Told(minute_text(made.at, self._parts.zone), self._name(made.by, s), what, made.note)

    def _name(self, person: str, s: Any) -> str:
        if person == COMMAND_LINE:
            return str(s("command-line"))
        known = self._parts.leading.people().by_id.get(person)
        return s("erased-person") if known is None else known.name

    def _criterion(self, change: AlertChanged, language: Language) -> str | None:
        """A factor's name where the criterion is all of it, else the question; None where nothing fell most."""
        method = self._parts.methods.get(change.method)
        criterion = next((one for one in method.criteria if one.code == change.criterion), None) if method else None
        if method is None or criterion is None:
            return change.criterion
        alone = list(method.factor_of.values()).count(criterion.factor) == 1
        factor = next(one for one in method.factors if one.code == criterion.factor)
        name: str = getattr(factor.name if alone else criterion.question, language)
        return name


def _asked(opened: Opened, **more: str) -> dict[str, str]:
    """The query of this page; the person's own language is not said."""
    said = {"lang": opened.language, **more}
    return {name: value for name, value in said.items() if (name, value) != ("lang", opened.person.language)}


def _measured(measured: Measured, language: Language) -> dict[str, str | None]:
    def two(value: float) -> str:
        return decimal_text(Decimal(str(value)), language)

    interval = measured.interval
    return {
        "percent": percent_text(Decimal(str(measured.percent)), language),
        "low": None if interval is None else two(interval[0]),
        "high": None if interval is None else two(interval[1]),
        "count": count_text(measured.responses, language),
    }
