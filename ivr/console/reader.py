"""What somebody who is signed in may see of calls and callers."""

from __future__ import annotations

from dataclasses import dataclass

from ivr.console.accounts import Person
from ivr.console.web import Forbidden
from ivr.knowledge.base import Knowledge


@dataclass(frozen=True)
class Reader:
    """An operator sees what concerns the departments of their telephone; an admin everything."""

    is_admin: bool
    extension: str | None
    departments: frozenset[str]

    def sees(self, department: str | None) -> bool:
        """Whether what concerns a department is theirs to see."""
        return self.is_admin or department in self.departments

    def must_see(self, department: str | None) -> None:
        """Raises Forbidden."""
        if not self.sees(department):
            raise Forbidden

    @property
    def seen(self) -> frozenset[str] | None:
        """The departments that they see; None for all."""
        return None if self.is_admin else self.departments


def reader(person: Person, knowledge: Knowledge) -> Reader:
    """What a person sees, by ``operators.yaml`` as it is now."""
    departments = frozenset(
        department
        for operator in knowledge.operators
        if person.extension and operator.extension == person.extension
        for department in operator.departments
    )
    return Reader(person.is_admin, person.extension, departments)
