"""The catalogue of prompts: everything the machine says that is not an answer, by language.

``knowledge/prompts/<language>.yaml`` maps keys to a text or to a list of variants, which are
Jinja2 templates with parameters and the facts of the town. French is the reference: another
language has the same keys, or ``null`` where the French text is to be used.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from ivr.errors import Fault
from ivr.knowledge.templates import TemplateFault, parameters, render
from ivr.yamlfile import Document

REFERENCE = "fr"


@dataclass(frozen=True)
class Prompt:
    """One thing to say."""

    variants: tuple[str, ...]
    params: frozenset[str]
    """The parameters that its variants use, facts aside."""


class Catalogue:
    """All prompts in all languages."""

    def __init__(
        self,
        prompts: Mapping[str, Mapping[str, Prompt]],
        facts: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """``prompts`` and ``facts`` are by language; ``prompts`` has French."""
        self._prompts = prompts
        self._facts = facts

    @property
    def languages(self) -> tuple[str, ...]:
        """ISO 639-1, French first."""
        return tuple(sorted(self._prompts, key=lambda name: (name != REFERENCE, name)))

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys, in the order of the French file."""
        return tuple(self._prompts.get(REFERENCE, {}))

    def params(self, key: str) -> frozenset[str]:
        """The parameters that a prompt uses. KeyError: no such prompt."""
        return self._prompts[REFERENCE][key].params

    def variants(self, key: str, language: str = REFERENCE) -> int:
        """How many ways there are to say it, at least 1. KeyError: no such prompt."""
        return len(self._prompt(key, language)[0].variants)

    def text(
        self, key: str, language: str = REFERENCE, /, *, variant: int = 0, **params: Any
    ) -> str:
        """What to say; ``variant`` counts on past the last one.

        A language without the prompt says it in French. Raises KeyError for a prompt that does
        not exist, and for parameters that are missing: both are mistakes of the program.
        """
        prompt, spoken = self._prompt(key, language)
        text = prompt.variants[variant % len(prompt.variants)]
        try:
            return render(text, {**self._facts[spoken], **params})
        except TemplateFault as error:
            raise KeyError(f"prompt {key} ({spoken}) with {sorted(params)}: {error}") from error

    def _prompt(self, key: str, language: str) -> tuple[Prompt, str]:
        own = self._prompts.get(language, {})
        if key in own:
            return own[key], language
        return self._prompts[REFERENCE][key], REFERENCE


def read_prompts(
    documents: Mapping[str, Document],
    facts: Mapping[str, Mapping[str, Any]],
    wanted: Mapping[str, Collection[str]],
) -> tuple[Catalogue, list[Fault]]:
    """The catalogue of the files (by language), and every fault in them.

    ``facts`` by language; a language without its own facts has the French ones. ``wanted``: the
    keys that the program says, each with the parameters it gives; French must have them.
    """
    faults: list[Fault] = []
    prompts = {
        language: _prompts_of(document, facts.get(language, facts[REFERENCE]), faults)
        for language, document in documents.items()
    }
    if REFERENCE in documents and not faults:
        faults += _unlike(documents[REFERENCE], prompts[REFERENCE], wanted)
        for language, document in documents.items():
            if language != REFERENCE:
                faults += _compared(document, prompts[language], prompts[REFERENCE])
    return Catalogue(prompts, {name: facts.get(name, facts[REFERENCE]) for name in prompts}), faults


def _prompts_of(
    document: Document, facts: Mapping[str, Any], faults: list[Fault]
) -> dict[str, Prompt]:
    data = document.data if document.data is not None else {}
    if not isinstance(data, dict):
        faults.append(document.fault((), "des clés étaient attendues, chacune avec son texte"))
        return {}
    found = {}
    for key, value in data.items():
        variants = value if isinstance(value, list) else [value]
        if value is None:
            continue
        if not variants or not all(isinstance(one, str) and one for one in variants):
            faults.append(
                document.fault((key,), f"« {key} » : un texte ou une liste de textes était attendu")
            )
            continue
        try:
            params = frozenset().union(*map(parameters, variants)) - facts.keys()
            for one in variants:
                render(one, {**facts, **dict.fromkeys(params, "…")})
        except TemplateFault as error:
            faults.append(document.fault((key,), str(error)))
            continue
        found[key] = Prompt(tuple(variants), params)
    return found


def _unlike(
    document: Document, own: Mapping[str, Prompt], wanted: Mapping[str, Collection[str]]
) -> list[Fault]:
    """Where the prompts are not what the program says."""
    faults = []
    for key, params in wanted.items():
        if key not in own:
            faults.append(
                document.fault((), f"il manque « {key} », que le standard doit dire : écrivez-le")
            )
        elif extra := own[key].params - set(params):
            faults.append(
                document.fault(
                    (key,),
                    f"« {key} » : « {', '.join(sorted(extra))} » n'est pas connu ici ; "
                    f"possible : {', '.join(sorted(params)) or 'aucun'}",
                )
            )
    return faults


def _compared(
    document: Document, own: Mapping[str, Prompt], reference: Mapping[str, Prompt]
) -> list[Fault]:
    written = document.data if isinstance(document.data, dict) else {}
    faults = [
        document.fault((), f"il manque « {key} » : traduisez-le, ou écrivez « {key}: null »")
        for key in reference
        if key not in written
    ]
    for key, prompt in own.items():
        if key not in reference:
            faults.append(
                document.fault((key,), f"« {key} » n'existe pas en français : retirez-le")
            )
        elif extra := prompt.params - reference[key].params:
            names = ", ".join(sorted(extra))
            faults.append(
                document.fault((key,), f"« {key} » : paramètre inconnu en français : {names}")
            )
    return faults
