"""The drop rule's settings on a day, from the registry: dated entries, so a past day is judged as it was then."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from services.notifier.drop_rule import Rule, RuleOn
from services.notifier.judge import RuleName, Rules, Scope
from sipas.registry import Dated, Registry, Target, target_id
from sipas.telemetry import logger

log = logger("judge")


def rules_of(registry: Registry, scope: Scope) -> Rules:
    """The rules of a series: "target" only where there ever was one.

    `registry` must hold the whole history (`newest`, not a view of one day). Every total asks for every day again, and
    settings change a few times a year: each is looked up once for the days between two changes. Whoever judges keeps
    these rules as long as the registry.
    """
    changes = _changes(registry, scope)

    def between_changes(look_up: RuleOn) -> RuleOn:
        found: dict[int, Rule] = {}

        def rule_on(day: int) -> Rule:
            stretch = bisect_right(changes, day)
            if stretch not in found:
                found[stretch] = look_up(day)
            return found[stretch]

        return rule_on

    def drop(day: int) -> Rule:
        settings = registry.rule_on(scope.method, date.fromordinal(day))
        return _rule(scope.method, _items(settings.overrides), settings.unit, None)

    def against_target(day: int) -> Rule:
        settings = registry.rule_on(scope.method, date.fromordinal(day))
        target = registry.target_on(scope.agency, scope.method, date.fromordinal(day))
        percent = None if target is None else target.percent
        return _rule(scope.method, _items(settings.overrides), settings.unit, percent)

    rules: dict[RuleName, RuleOn] = {"drop": between_changes(drop)}
    if _targets(registry, scope):
        rules["target"] = between_changes(against_target)
    return rules


def _targets(registry: Registry, scope: Scope) -> list[Dated[Target]]:
    """Every version of every target that the agency ever had, of its own, its block's or the province's."""
    scopes = {named for version in registry.histories["agency"].get(scope.agency, ()) for named in version.value.scopes}
    targets = registry.histories["target"]
    return [version for named in sorted(scopes) for version in targets.get(target_id(named, scope.method), ())]


def _changes(registry: Registry, scope: Scope) -> list[int]:
    """The days on which a setting, a target or the agency's block may be another than the day before."""
    histories = registry.histories
    settings, agency = histories["rule"].get(scope.method, ()), histories["agency"].get(scope.agency, ())
    dated = [*settings, *agency, *_targets(registry, scope)]
    begins = {one.valid_from.toordinal() for one in dated if one.valid_from is not None}
    ends = {one.valid_to.toordinal() + 1 for one in dated if one.valid_to is not None}
    return sorted(begins | ends)


def _items(overrides: Mapping[str, float]) -> tuple[tuple[str, float], ...]:
    return tuple(sorted(overrides.items()))


@lru_cache(maxsize=1024)
def _rule(method: str, overrides: tuple[tuple[str, float], ...], unit: float, percent: float | None) -> Rule:
    target = None if percent is None else percent / 100
    try:
        return Rule(**{**dict(overrides), "unit": unit, "target": target})  # type: ignore[arg-type]
    except (TypeError, ValueError) as reason:
        # one wrong entry must not silence every agency: they are judged by the defaults until it is mended
        log.error(  # noqa: TRY400 - for an administrator
            "the rule settings in the registry cannot be used, judging by the defaults", method=method, why=str(reason)
        )
        return Rule(target=target if target is not None and 0 < target < 1 else None)
