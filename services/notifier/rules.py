"""The drop rule's settings on a day, from the registry: dated entries, so a past day is judged as it was then."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from services.notifier.drop_rule import Rule
from services.notifier.judge import Rules, Scope
from sipas.registry import Registry
from sipas.telemetry import logger

log = logger("judge")


def rules_of(registry: Registry, scope: Scope) -> Rules:
    """Both rules of a series. `registry` must hold the whole history (`newest`, not a view of one day)."""

    def drop(day: int) -> Rule:
        settings = registry.rule_on(scope.method, date.fromordinal(day))
        return _rule(scope.method, _items(settings.overrides), settings.unit, None)

    def against_target(day: int) -> Rule:
        settings = registry.rule_on(scope.method, date.fromordinal(day))
        target = registry.target_on(scope.agency, scope.method, date.fromordinal(day))
        percent = None if target is None else target.percent
        return _rule(scope.method, _items(settings.overrides), settings.unit, percent)

    return {"drop": drop, "target": against_target}


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
