"""The public holidays of France and its regions, and of other countries, by their names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from types import MappingProxyType

import holidays

_ALSACE_MOSELLE = {"57": "57", "67": "6AE", "68": "6AE"}


@lru_cache(maxsize=64)
def public_holidays(region: str, year: int) -> Mapping[date, str]:
    """Those of a year, in French for France: ``FR``, or with a subdivision, ``FR-57``.

    Raises KeyError, NotImplementedError or ValueError for a region that is not known.
    """
    country, _, part = region.partition("-")
    calendar = holidays.country_holidays(
        country,
        subdiv=_ALSACE_MOSELLE.get(part, part) or None,
        years=year,
        language="fr" if country == "FR" else None,
    )
    return MappingProxyType(dict(calendar.items()))
