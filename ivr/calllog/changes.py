"""The tables of what was changed in the FAQ, and of changes of files under way."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, Index
from sqlalchemy.orm import Mapped, mapped_column

from ivr.calllog.tables import Base, UtcDateTime


class FaqChange(Base):
    """One change of one entry of the FAQ."""

    __tablename__ = "faq_changes"
    __table_args__ = (Index("faq_changes_entry", "language", "entry"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    who: Mapped[str]
    """The account's login; empty for a change made in the file by hand."""
    language: Mapped[str]
    """ISO 639-1."""
    entry: Mapped[str]
    """Its id."""
    file: Mapped[str]
    """Under ``knowledge/``."""
    before: Mapped[str | None] = mapped_column(default=None)
    """The entry as it was, as JSON; None when it was added."""
    after: Mapped[str | None] = mapped_column(default=None)
    """The entry as it became, as JSON; None when it was removed."""
    undoes: Mapped[int | None] = mapped_column(default=None)
    """The change that this one undid."""
    part_of: Mapped[int | None] = mapped_column(default=None)
    """The change of the French entry that this change of its translation was made by."""


class Intent(Base):
    """A change of files that is recorded and under way; gone as soon as it is made."""

    __tablename__ = "intents"

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    files: Mapped[dict[str, str | None]] = mapped_column(JSON)
    """Those that change, each with a digest of what it held; None: it was not there."""
    rows: Mapped[list[list[Any]]] = mapped_column(JSON)
    """Its record: table and key of each row."""
