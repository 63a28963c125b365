"""A small shop in SQLAlchemy's declarative style, with what people use of PostgreSQL."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any

from sqlalchemy import JSON, Enum, ForeignKey, ForeignKeyConstraint, Numeric, String
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship


class Base(DeclarativeBase):
    """All of the shop."""


class Status(enum.Enum):
    """An enum type in the database."""

    draft = "draft"
    live = "live"


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    books: Mapped[list[Book]] = relationship(back_populates="author", cascade="all, delete-orphan")


class Book(Base):
    """Versioned: SQLAlchemy counts its changes and refuses to overwrite a newer one."""

    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))
    title: Mapped[str]
    status: Mapped[Status] = mapped_column(Enum(Status), default=Status.draft)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    facts: Mapped[dict[str, Any]] = mapped_column(JSONB, default=dict)
    source: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    tags: Mapped[list[str]] = mapped_column(ARRAY(String), default=list)
    version: Mapped[int] = mapped_column()
    author: Mapped[Author] = relationship(back_populates="books")
    editions: Mapped[list[Edition]] = relationship(cascade="all", passive_deletes=True)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  (SQLAlchemy's own spelling)


class Edition(Base):
    """A composite key; the database deletes editions with their book."""

    __tablename__ = "edition"
    book_id: Mapped[int] = mapped_column(ForeignKey("book.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    printed: Mapped[int] = mapped_column(default=0)


class Page(Base):
    """Refers to a composite key."""

    __tablename__ = "page"
    id: Mapped[int] = mapped_column(primary_key=True)
    book_id: Mapped[int]
    number: Mapped[int]
    words: Mapped[str]
    __table_args__ = (
        ForeignKeyConstraint(
            ["book_id", "number"], ["edition.book_id", "edition.number"],
            ondelete="CASCADE", onupdate="CASCADE",
        ),
    )  # fmt: skip
