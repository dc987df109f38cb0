"""What would help callers to be understood: examples that point to another entry than their own."""

from __future__ import annotations

from ivr.errors import Fault
from ivr.knowledge import check
from ivr.knowledge.base import Knowledge
from ivr.nlu.matcher import Matcher


def strays(matcher: Matcher, knowledge: Knowledge) -> list[Fault]:
    """Examples that would surely be taken for something else had they not been given, on their
    lines. They are no faults: some requests are alike.

    Raises KnowledgeError when a file has broken since it was loaded.
    """
    lines = check.Lines()
    written = {(one.language, one.owner, one.text): one for one in check.examples(knowledge)}
    found = []
    for one in matcher.strays():
        text, name, kind = one.example.text, one.example.id, one.example.kind
        for owner in (name, kind, f"{name}/{kind}"):  # an entry, a topic, a kind of a dialogue id
            if example := written.get((one.language, owner, text)):
                found.append(lines.fault(example, _told(text, one.found)))
                break
    return sorted(found)


def _told(text: str, found: str) -> str:
    return (
        f"sans cet exemple, « {text} » serait pris pour « {found} » : ajoutez-en d'autres qui lui "
        f"ressemblent, ou donnez-le à « {found} » si c'est bien ce que veut l'appelant"
    )
