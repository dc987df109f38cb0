"""The table of what was changed in the FAQ."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index
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
