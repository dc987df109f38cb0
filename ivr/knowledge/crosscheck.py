"""Faults between the files: names that refer to nothing, and departments nobody answers for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ivr.errors import Fault
from ivr.knowledge.base import RECEPTION
from ivr.knowledge.directory import Department, DepartmentsFile, OperatorsFile, Place, e164
from ivr.knowledge.hours import Hours
from ivr.yamlfile import Document, Loc

Directories = tuple[Document, DepartmentsFile]


def schedule_faults(directory: Directories, hours: tuple[Document, Hours]) -> list[Fault]:
    """Schedules that are named and not written."""
    (document, file), (own, value) = directory, hours
    named: list[tuple[Document, Loc, str]] = [
        (document, (group, n, "schedule"), one.schedule)
        for group, members in _groups(file)
        for n, one in enumerate(members)
    ]
    if value.switchboard is not None:
        named.append((own, ("switchboard",), value.switchboard))
    named += [
        (own, (group, n, "schedules", m), name)
        for group, lines in (("closures", value.closures), ("openings", value.openings))
        for n, line in enumerate(lines)
        for m, name in enumerate(line.schedules)
    ]
    listed = ", ".join(value.schedules)
    return [
        document.fault(
            loc,
            f"l'horaire « {name} » n'existe pas dans hours.yaml ; ceux qui existent : {listed}",
        )
        for document, loc, name in named
        if name not in value.schedules
    ]


def people_faults(directory: Directories, operators: tuple[Document, OperatorsFile]) -> list[Fault]:
    """Ids, names and extensions used twice, unknown departments, and unreachable ones."""
    return [
        *_reception(directory),
        *_twice(directory),
        *_namesakes(directory),
        *_menu(directory),
        *_outside(directory),
        *_operators(directory[1], operators),
        *_extensions(directory, operators),
        *_unreachable(directory, operators[1]),
    ]


def _groups(file: DepartmentsFile) -> tuple[tuple[str, Sequence[Department | Place]], ...]:
    return ("departments", file.departments), ("places", file.places)


def _reception(directory: Directories) -> Iterable[Fault]:
    document, file = directory
    if RECEPTION not in [one.id for one in file.departments]:
        yield document.fault(
            ("departments",),
            f"il manque le service « {RECEPTION} », qui prend les appels dont l'objet n'est pas "
            "connu : ajoutez-le",
        )


def _menu(directory: Directories) -> Iterable[Fault]:
    document, file = directory
    known = [one.id for one in file.departments]
    for key, department in file.menu.items():
        if department not in known:
            yield document.fault(("menu", key), f"le service « {department} » n'existe pas")
    if file.duty not in known:
        yield document.fault(("duty",), f"le service « {file.duty} » n'existe pas")


def _outside(directory: Directories) -> Iterable[Fault]:
    """A transfer to the town hall's own number would come back as a new call."""
    document, file = directory
    for n, one in enumerate(file.departments):
        if one.outside is not None and e164(one.outside) == e164(file.town.phone):
            yield document.fault(
                ("departments", n, "outside"),
                f"« {one.outside} » est le numéro de la mairie : l'appel reviendrait au standard ; "
                "donnez une autre ligne, ou retirez « outside »",
            )


def _twice(directory: Directories) -> Iterable[Fault]:
    document, file = directory
    for group, members in _groups(file):
        seen: dict[str, int] = {}
        for n, one in enumerate(members):
            first = seen.setdefault(one.id, n)
            if first != n:
                yield document.fault(
                    (group, n, "id"),
                    f"l'identifiant « {one.id} » existe déjà "
                    f"(ligne {document.line((group, first))}) : choisissez-en un autre",
                )


def _namesakes(directory: Directories) -> Iterable[Fault]:
    document, file = directory
    seen: dict[str, Loc] = {}
    for n, department in enumerate(file.departments):
        for m, person in enumerate(department.employees):
            loc: Loc = ("departments", n, "employees", m, "name")
            first = seen.setdefault(person.name, loc)
            if first != loc:
                yield document.fault(
                    loc,
                    f"{person.name} est déjà écrit ligne {document.line(first)} : gardez une "
                    "seule des deux lignes, ou distinguez les noms",
                )


def _operators(
    directory: DepartmentsFile, operators: tuple[Document, OperatorsFile]
) -> Iterable[Fault]:
    document, file = operators
    known = [one.id for one in directory.departments]
    seen: dict[str, int] = {}
    for n, one in enumerate(file.operators):
        first = seen.setdefault(one.name, n)
        if first != n:
            yield document.fault(
                ("operators", n, "name"),
                f"{one.name} est déjà écrit ligne {document.line(('operators', first))} : un agent "
                "n'a qu'un poste ; réunissez les deux lignes, ou distinguez les noms",
            )
        for m, department in enumerate(one.departments):
            if department not in known:
                yield document.fault(
                    ("operators", n, "departments", m),
                    f"le service « {department} » n'existe pas ; ceux de departments.yaml : "
                    + ", ".join(known),
                )
        for department in one.skills:
            if department not in one.departments:
                yield document.fault(
                    ("operators", n, "skills", department),
                    f"{one.name} ne prend pas les appels de « {department} » : ajoutez ce service "
                    "à « departments », ou retirez-le d'ici",
                )


def _extensions(
    directory: Directories, operators: tuple[Document, OperatorsFile]
) -> Iterable[Fault]:
    """One extension, one telephone: an operator and an employee share one if they are one."""
    lines: list[tuple[Document, Loc, str, str]] = []
    for n, department in enumerate(directory[1].departments):
        at: Loc = ("departments", n)
        lines.append((directory[0], (*at, "extension"), department.extension, department.id))
        for m, person in enumerate(department.employees):
            loc = (*at, "employees", m, "extension")
            lines.append((directory[0], loc, person.extension, person.name))
    for n, operator in enumerate(operators[1].operators):
        loc = ("operators", n, "extension")
        lines.append((operators[0], loc, operator.extension, operator.name))
    seen: dict[str, tuple[Document, Loc, str]] = {}
    for document, loc, extension, owner in lines:
        first, first_loc, first_owner = seen.setdefault(extension, (document, loc, owner))
        if first_owner != owner:
            yield document.fault(
                loc,
                f"le poste {extension} est déjà celui de « {first_owner} » "
                f"({first.path}:{first.line(first_loc)}) : choisissez-en un autre",
            )


def _unreachable(directory: Directories, operators: OperatorsFile) -> Iterable[Fault]:
    document, file = directory
    answered = {name for one in operators.operators for name in one.departments}
    known = {one.id for one in file.departments}
    for n, one in enumerate(file.departments):
        if one.overflow is not None and one.overflow not in known:
            yield document.fault(
                ("departments", n, "overflow"), f"le service « {one.overflow} » n'existe pas"
            )
            continue
        if one.id not in answered and one.overflow not in answered:
            yield document.fault(
                ("departments", n),
                "personne ne prend les appels de ce service : donnez-le à un agent dans "
                "operators.yaml, ou écrivez ici « overflow: » et un service qui a un agent",
            )
