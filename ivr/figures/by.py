"""What the tables of figures have a line for."""

from __future__ import annotations

from enum import StrEnum


class By(StrEnum):
    """What a table has a line for."""

    DAY = "day"
    HOUR = "hour"
    DEPARTMENT = "department"
    QUESTION = "question"
    CALLBACK = "callback"
    LANGUAGE = "language"
