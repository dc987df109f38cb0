"""Finds where each value of a YAML text is written, to the character."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml  # type: ignore[import-untyped]


class Awkward(Exception):
    """The way something is written leaves no safe place for a change."""


@dataclass(frozen=True)
class Spot:
    """Where a value is written, from its first character to behind its last."""

    kind: str
    """``scalar``, ``alias``, ``map`` or ``seq``."""
    start: int
    stop: int
    column: int
    style: str | None = None
    """Of a scalar: ``'``, ``"``, ``>``, ``|`` or none."""
    flow: bool = False
    """Of a collection: whether it is in brackets."""
    value: str = ""
    """Of a scalar."""
    items: tuple[Spot, ...] = ()
    """Of a list, its items; of a mapping, its keys and values in turn."""

    @property
    def keys(self) -> tuple[Spot, ...]:
        """Of a mapping."""
        return self.items[::2]

    @property
    def values(self) -> tuple[Spot, ...]:
        """Of a mapping, in the order of its keys."""
        return self.items[1::2]


def spots(text: str) -> Spot:
    """Where everything in a YAML text is. Raises Awkward when there is nothing.

    Composed here because PyYAML's nodes do not say where an alias stands.
    """
    events = yaml.parse(text, Loader=yaml.CBaseLoader)

    def spot(event: Any) -> Spot:
        start, end, column = event.start_mark.index, event.end_mark.index, event.start_mark.column
        if isinstance(event, yaml.AliasEvent):
            return Spot("alias", start, end, column)
        if isinstance(event, yaml.ScalarEvent):
            stop = start + len(text[start:end].rstrip()) if event.style in (">", "|") else end
            return Spot("scalar", start, stop, column, event.style, value=event.value)
        kind = "map" if isinstance(event, yaml.MappingStartEvent) else "seq"
        items = []
        while not isinstance(one := next(events), yaml.CollectionEndEvent):
            items.append(spot(one))
        if not event.flow_style and not items:
            raise Awkward
        stop = one.end_mark.index if event.flow_style else items[-1].stop
        return Spot(kind, start, stop, column, None, bool(event.flow_style), "", tuple(items))

    for event in events:
        if isinstance(event, yaml.ScalarEvent | yaml.AliasEvent | yaml.CollectionStartEvent):
            return spot(event)
    raise Awkward
