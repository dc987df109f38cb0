"""What ``ivr suggest`` prints and does."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches

from ivr.calllog.database import Database
from ivr.errors import IvrError
from ivr.knowledge.base import Knowledge
from ivr.learning.addition import Added, add
from ivr.learning.example import key
from ivr.learning.gather import decide, gather
from ivr.learning.group import Because, Group
from ivr.learning.groups import groups
from ivr.nlu.features import Encoder
from ivr.nlu.matcher import Matcher


@dataclass(frozen=True)
class Wanted:
    """What is asked of ``ivr suggest``; nothing but the list when neither accept nor dismiss."""

    days: int
    accept: str | None = None
    """The reference of a group."""
    dismiss: str | None = None
    """The reference of a group."""
    entry: str | None = None
    """The entry to accept for, in place of the proposed one."""
    without: Collection[int] = ()
    """The numbers of the group's utterances that are left out, from 1."""


async def suggest(
    url: str, knowledge: Knowledge, matcher: Matcher, wanted: Wanted, *, as_json: bool
) -> None:
    """Print the groups of the call log at ``url``; or accept or dismiss one of them.

    Raises IvrError when that cannot be done.
    """
    if wanted.accept and wanted.dismiss:
        raise IvrError("--accept et --dismiss ne vont pas ensemble : donnez l'un des deux")
    database, now = Database(url), datetime.now(UTC)
    try:
        missed = await gather(database, now - timedelta(days=wanted.days))
        found = groups(missed, knowledge, matcher, Encoder())
        if wanted.accept:
            group = _referred(found, wanted.accept)
            added = await _accept(database, knowledge, group, wanted, now)
            print(_dump(asdict(added)) if as_json else _added(added))
        elif wanted.dismiss:
            group = _referred(found, wanted.dismiss)
            texts = await _dismiss(database, group, wanted, now)
            shown = _lines(f"{_phrases(len(texts))} à ne plus montrer", "-", texts)
            print(_dump({"dismissed": texts}) if as_json else shown)
        elif as_json:
            rows = [
                {"reference": one.reference, "count": one.count, **asdict(one)} for one in found
            ]
            print(_dump(rows))
        else:
            print(_listed(found, wanted.days, knowledge))
    finally:
        await database.close()


async def _accept(
    database: Database, knowledge: Knowledge, group: Group, wanted: Wanted, now: datetime
) -> Added:
    """Add a group's texts to an entry; those that are another's examples stay to be decided."""
    texts = _chosen(group, wanted.without)
    added = add(knowledge, group.language, _entry(group, wanted.entry, knowledge), texts)
    others = {one.text for one in added.skipped if one.owner != added.entry}
    keys = [key(group.language, text) for text in texts if text not in others]
    await decide(database, keys, "taken", now, added.entry)
    return added


async def _dismiss(database: Database, group: Group, wanted: Wanted, now: datetime) -> list[str]:
    texts = _chosen(group, wanted.without)
    await decide(database, [key(group.language, text) for text in texts], "dismissed", now)
    return texts


def _referred(found: Sequence[Group], reference: str) -> Group:
    for group in found:
        if group.reference == reference.upper():
            return group
    raise IvrError(
        f"aucun groupe ne porte la référence {reference} : la liste a pu changer depuis ; "
        "relancez ivr suggest, avec le même --days"
    )


def _chosen(group: Group, without: Collection[int]) -> list[str]:
    count = len(group.utterances)
    if wrong := [number for number in without if not 1 <= number <= count]:
        raise IvrError(f"--without {wrong[0]} : ce groupe a des phrases de 1 à {count}")
    chosen = [one.text for n, one in enumerate(group.utterances, 1) if n not in without]
    if not chosen:
        raise IvrError("--without ne laisse aucune phrase")
    return chosen


def _entry(group: Group, given: str | None, knowledge: Knowledge) -> str:
    """The entry to add to. Raises IvrError when it does not exist in the group's language."""
    entry = given or group.proposal.entry
    if knowledge.speaks(entry, group.language):
        return entry
    if entry in knowledge.entries:
        raise IvrError(
            f"« {entry} » n'existe pas en « {group.language} » : traduisez d'abord la question "
            f"dans faq/{group.language}/"
        )
    if given is None:
        raise IvrError(
            f"« {entry} » serait une nouvelle question : écrivez-la d'abord dans "
            f"faq/{group.department or 'accueil'}.yaml avec sa réponse, ou dites avec --entry à "
            "quelle question ces phrases appartiennent"
        )
    close = get_close_matches(entry, knowledge.entries, 3)
    hint = f" ; vouliez-vous dire {' ou '.join(close)} ?" if close else ""
    raise IvrError(f"la question « {entry} » n'existe pas{hint}")


# --- as text -----------------------------------------------------------------------------------


def _listed(found: Sequence[Group], days: int, knowledge: Knowledge) -> str:
    if not found:
        return f"Rien à apprendre des {days} derniers jours."
    total = sum(group.count for group in found)
    lines = [f"{_phrases(total)} en {len(found)} groupe{_s(len(found))}, sur {days} jours."]
    for group in found:
        lines += ["", f"{group.reference}  {_proposed(group, knowledge)}"]
        lines += [
            f"  {number:>3}. {one.text}" + (f"  (×{one.count})" if one.count > 1 else "")
            for number, one in enumerate(group.utterances, 1)
        ]
    return "\n".join(
        [
            *lines,
            "",
            "Relisez les phrases, puis, avec la référence d'un groupe :",
            "  ivr suggest --accept REF [--entry QUESTION] [--without NUMÉRO]   les ajouter",
            "  ivr suggest --dismiss REF                                        les écarter",
        ]
    )


def _proposed(group: Group, knowledge: Knowledge) -> str:
    proposal = group.proposal
    known = knowledge.entries.get(proposal.entry)
    match proposal.because:
        case Because.CALLERS:
            why = f"choisi ensuite par {proposal.share * 100:.0f} % des appelants renseignés"
        case Because.LIKENESS:
            why = f"d'après la ressemblance, {proposal.share * 100:.0f} %"
        case Because.NEW:
            why = "aucune question ne convient"
    what = f"{proposal.entry} ({known.title})" if known else f"nouvelle question {proposal.entry} ?"
    parts = [what, why, f"service {group.department}" if group.department else ""]
    parts.append(f"{group.callbacks} rappel{_s(group.callbacks)}" if group.callbacks else "")
    parts.append(f"langue {group.language}" if group.language != "fr" else "")
    return " - ".join(part for part in parts if part)


def _added(added: Added) -> str:
    what = f"{_phrases(len(added.texts))} dans {added.file}" if added.texts else "rien à ajouter"
    skipped = [
        f"{one.text} : presque « {one.like} »"
        + (f", exemple de « {one.owner} »" if one.owner != added.entry else "")
        for one in added.skipped
    ]
    lines = _lines(f"{added.entry} : {what}", "+", added.texts)
    return lines + (_lines("\nDéjà connu, laissé de côté", "=", skipped) if skipped else "")


def _lines(head: str, sign: str, texts: Sequence[str]) -> str:
    return "\n".join([f"{head} :" if texts else head, *(f"  {sign} {text}" for text in texts)])


def _phrases(count: int) -> str:
    return f"{count} phrase{_s(count)}"


def _s(count: int) -> str:
    return "s" if count > 1 else ""


def _dump(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)
