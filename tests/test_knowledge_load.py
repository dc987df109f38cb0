"""Loading knowledge: what the files say is there, and every fault in them is told on its line."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.errors import Fault, KnowledgeError
from ivr.knowledge import Knowledge, load
from ivr.knowledge.hours import ExtraOpening
from ivr.knowledge.templates import MAX_OUTPUT, TemplateFault, render
from ivr.knowledge.text import fold
from ivr.yamlfile import parse
from tests.knowledge_folder import FILES, Files, put, replaced, write

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    return load(write(tmp_path_factory.mktemp("town")))


def faults(root: Path) -> list[str]:
    """The faults of a folder, its name cut off."""
    with pytest.raises(KnowledgeError) as raised:
        load(root)
    return [str(fault).removeprefix(f"{root}/") for fault in raised.value.faults]


# --- what is there -----------------------------------------------------------------------------


def test_our_own_knowledge_loads() -> None:
    knowledge = load(ROOT / "knowledge")
    assert len(knowledge.entries) > 50
    assert knowledge.intents
    assert knowledge.topics


def test_answers_have_their_facts(town: Knowledge) -> None:
    assert town.answer("piscine") == "la piscine est 2 rue du Lac."
    assert town.answer("piscine", follow_up="prix") == "L'entrée est à 3 €."
    assert town.offer("eau-fuite") == "Voulez-vous que je vous passe le service de l'eau ?"
    assert "le lundi, de 8 h 30 à 12 h et de 13 h 30 à 17 h" in town.answer("horaires")


def test_an_entry_knows_its_department_and_its_dates(town: Knowledge) -> None:
    assert town.entries["eau-fuite"].department == "eau"
    assert town.entries["eau-fuite"].valid_on(date(2026, 12, 31))
    assert not town.entries["eau-fuite"].valid_on(date(2027, 1, 1))


def test_a_translation_keeps_what_is_not_words(town: Knowledge) -> None:
    assert town.languages == ("fr", "en")
    assert (
        town.answer("piscine", "en")
        == "The pool is open every day, from 10 a.m. to 7 p.m., in summer."
    )
    assert town.entries_in("en")["piscine"].department == "accueil"
    assert town.speaks("piscine", "en")
    assert not town.speaks("horaires", "en")
    assert town.entries_in("de") == {}


def test_prompts_by_language(town: Knowledge) -> None:
    texts = town.catalogue
    assert texts.languages == ("fr", "en")
    assert texts.text("greeting") == "Bonjour, vous êtes bien à la mairie de Petitbourg."
    assert texts.text("greeting", "en") == "Hello, this is the town hall of Petitbourg."
    assert texts.text("transfer", "en", department="l'eau") == "Je vous passe l'eau."
    assert texts.text("more", variant=3) == "Autre chose ?"
    assert texts.text("more", "de") == "Avez-vous une autre question ?"
    assert texts.params("transfer") == {"department"}


@pytest.mark.parametrize(("key", "params"), [("absent", {}), ("transfer", {})])
def test_a_prompt_or_parameter_that_is_missing_is_a_mistake_of_the_program(
    town: Knowledge, key: str, params: dict[str, Any]
) -> None:
    with pytest.raises(KeyError):
        town.catalogue.text(key, **params)


def test_intents_and_topics(town: Knowledge) -> None:
    assert [(one.id, one.detail, one.language) for one in town.intents] == [
        ("oui", None, "en"),
        ("repeter", None, "fr"),
        ("repeter", "slower", "fr"),
    ]
    assert town.out_of_scope("impots", "en") == "For taxes, call 0809 401 401."
    assert town.out_of_scope("impots", "de") is None
    assert town.out_of_scope("absent") is None


def test_people_and_numbers(town: Knowledge) -> None:
    assert town.own_numbers == {"+33232002000", "+33232002010"}
    assert town.department_name("accueil", "en") == "the reception"
    assert town.department_name("eau", "en") == "le service de l'eau"
    assert set(town.employees) == {"Sandrine Lefèvre"}
    assert dict(town.menu) == {"1": "eau"}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("je voudrais parler à madame lefèvre", "Sandrine Lefèvre"),
        ("passez-moi sandrine le fèvre", "Sandrine Lefèvre"),
        ("le service de l'eau s'il vous plaît", "eau"),
        ("le service des os", "eau"),
        ("j'ai perdu mon chat", None),
    ],
)
def test_who_is_named(town: Knowledge, said: str, named: str | None) -> None:
    found = town.directory.find(said)
    assert (found[0].name if found else None) == named


# --- a day asked about -------------------------------------------------------------------------

FRIDAY = datetime(2026, 11, 6, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "said", "answer"),
    [
        ("horaires", "êtes-vous ouverts samedi", "Demain, la mairie vous accueille de 9 h à 12 h."),
        (
            "horaires",
            "et dimanche ?",
            "Dimanche 8 novembre, la mairie n'ouvre pas. "
            "Prochaine ouverture : lundi 9 novembre, à 8 h 30.",
        ),
        (
            "horaires",
            "vous êtes ouverts le onze novembre",
            "Mercredi 11 novembre, c'est un jour férié : la mairie n'ouvre pas. "
            "Prochaine ouverture : jeudi 12 novembre, à 8 h 30.",
        ),
        ("piscine", "la piscine est ouverte demain", "Demain, la piscine vous accueille "),
        ("piscine", "je veux aller nager demain", None),
        ("horaires", "à quelle heure ouvrez-vous", None),
        ("eau-fuite", "c'est ouvert samedi", None),
    ],
)
def test_opening_on_a_day(town: Knowledge, entry: str, said: str, answer: str | None) -> None:
    found = town.opening_answer(entry, said, FRIDAY)
    assert found is None if answer is None else (found or "").startswith(answer)


OPENED = ExtraOpening.model_validate({"from": "2026-11-06", "hours": ["20:00-23:59"]})
"""On the evening of ``FRIDAY``, whatever the week says."""


@pytest.mark.parametrize(
    ("openings", "entry", "said", "answer"),
    [
        (
            (OPENED,),
            "horaires",
            "est-ce que la mairie est ouverte ?",
            "Aujourd'hui, la mairie vous accueille de 20 h à 23 h 59.",
        ),
        ((), "horaires", "est-ce que la mairie est ouverte ?", None),
        ((OPENED,), "horaires", "la mairie est ouverte aujourd'hui ?", None),  # it names a day
        ((OPENED,), "piscine", "je veux aller nager", None),
    ],
)
def test_what_the_weekly_hours_do_not_tell_of_today(
    town: Knowledge, openings: tuple[ExtraOpening, ...], entry: str, said: str, answer: str | None
) -> None:
    known = replace(town, hours=town.hours.model_copy(update={"openings": openings}))
    assert known.today_instead(entry, said, FRIDAY) == answer


def test_when_people_answer_next(town: Knowledge) -> None:
    saturday_noon = datetime(2026, 11, 7, 11, 30, tzinfo=UTC)
    assert town.next_reachable("eau", saturday_noon) == "lundi à 9 h"


# --- faults ------------------------------------------------------------------------------------

DEPARTMENTS, HOURS, OPERATORS = "departments.yaml", "hours.yaml", "operators.yaml"
FAQ, PROMPTS, EAU = "faq/accueil.yaml", "prompts/fr.yaml", "faq/eau.yaml"

FAULTS: list[tuple[str, str, str, str]] = [
    # file, what is replaced, by what, the fault
    (FAQ, "    title: La piscine", "\ttitle: La piscine", "faq/accueil.yaml:10: une tabulation"),
    (FAQ, "La piscine", '"La piscine', "faq/accueil.yaml:13: ligne mal décalée, ou texte qui suit"),
    (FAQ, "title: La piscine", "title: ici : là", "faq/accueil.yaml:10: un deux-points de trop"),
    (FAQ, "id: piscine", "id: horaires", "faq/accueil.yaml:9: horaires: l'identifiant"),
    (FAQ, "id: piscine", "id: eau-fuite", "faq/eau.yaml:3: eau-fuite: l'identifiant « eau-fuite »"),
    (FAQ, "id: piscine", "id: oui", "faq/accueil.yaml:9: oui: « id » : « oui » est réservé"),
    (FAQ, "id: piscine", "id: Été", "faq/accueil.yaml:9: Été: « id » : « Été » n'est pas un ident"),
    (
        FAQ,
        "    confirm: la piscine\n",
        "",
        "faq/accueil.yaml:9: piscine: il manque le champ « conf",
    ),
    (FAQ, "confirm: la p", "comfirm: la p", "vouliez-vous écrire « confirm » ?"),
    (FAQ, "hours_of: accueil", "hours_of: gare", "« gare » n'existe pas dans departments.yaml"),
    (FAQ, "department: accueil", "department: gare", "faq/accueil.yaml:1: department: « gare »"),
    (
        FAQ,
        "place['piscine'].name",
        "place['lac'].name",
        "le fait « lac » n'existe pas dans « place",
    ),
    (FAQ, "place['piscine'].name", "place['piscine'].prix", "le fait « prix » n'existe pas"),
    (FAQ, "place['piscine'].name", "place.__class__", "accès interdit aux rouages"),
    (FAQ, "place['piscine'].name", "place['__class__'].name", "« __class__ »"),
    (FAQ, "place['piscine'].name", "town", "n'est pas un texte"),
    (FAQ, "place['piscine'].name", "town.upper()", "appeler une fonction n'est pas permis"),
    (FAQ, "L'entrée est à 3 €.", '"{% for i in range(9**9) %}a{% endfor %}"', "« Pow » n'est pas"),
    (FAQ, "L'entrée est à 3 €.", '"{% for i in range(999) %}a{% endfor %}"', "plus de 50 tours"),
    (FAQ, "L'entrée est à 3 €.", '"{{ town.name "', "le modèle est mal écrit"),
    (FAQ, "examples: [aller nager, la piscine municipale]", "examples: []", "« examples » : c'est"),
    (EAU, "valid_until: 2026-12-31", "valid_until: 2025-12-31", "vient avant valid_from"),
    (EAU, "valid_until: 2026-12-31", "valid_until: 31/12/2026", "une date était attendue"),
    (EAU, FILES[EAU], "", "faq/eau.yaml: le fichier est vide : remplissez-le ou restaurez-le"),
    ("faq/en/accueil.yaml", "id: piscine", "id: lac", "« lac » n'existe pas en français"),
    (DEPARTMENTS, "schedule: piscine", "schedule: lac", "l'horaire « lac » n'existe pas"),
    (DEPARTMENTS, "02 32 00 20 10", "02 32", "« 02 32 » n'est pas un numéro de téléphone"),
    (
        DEPARTMENTS,
        'extension: "200"',
        'extension: "101"',
        "operators.yaml:2: Martine Dubois: le po",
    ),
    (DEPARTMENTS, "    overflow: accueil\n", "", "departments.yaml:15: eau: personne ne prend"),
    (DEPARTMENTS, "overflow: accueil", "overflow: gare", "le service « gare » n'existe pas"),
    (DEPARTMENTS, "overflow: accueil", 'outside: "0899 12 34 56"', "ni numéro surtaxé"),
    (DEPARTMENTS, "overflow: accueil", 'outside: "17"', "ni numéro surtaxé, ni numéro court"),
    (DEPARTMENTS, "overflow: accueil", 'outside: "+44 20 7946 0958"', "ni étranger"),
    (
        DEPARTMENTS,
        "overflow: accueil",
        "overflow: accueil\n    outside: 02 32 00 20 00",
        "l'appel reviendrait au standard",
    ),
    (DEPARTMENTS, "overflow: accueil", 'outside: "1; 2"', "n'est pas un numéro de téléphone"),
    (OPERATORS, 'extension: "101"', 'extension: "112"', "« 112 » est un numéro d'urgence"),
    (OPERATORS, 'extension: "101"', 'extension: "0101"', "le premier n'est pas 0"),
    (OPERATORS, 'extension: "101"', 'extension: ["101", "102"]', "operators.yaml:2: Martine Dub"),
    (
        OPERATORS,
        'extension: "101", ',
        "",
        "operators.yaml:2: Martine Dubois: il manque le champ « ex",
    ),
    (DEPARTMENTS, "menu: {1: eau}", "menu: {1: gare}", "le service « gare » n'existe pas"),
    (DEPARTMENTS, "menu: {1: eau}", "menu: {0: eau}", "n'est pas une touche du menu"),
    (DEPARTMENTS, "id: eau", "id: accueil", "l'identifiant « accueil » existe déjà (ligne 7)"),
    (DEPARTMENTS, "id: accueil", "id: gare", "departments.yaml:6: departments: il manque le serv"),
    (HOURS, "switchboard: mairie", "switchboard: gare", "hours.yaml:1: switchboard: l'horaire «"),
    (OPERATORS, "[accueil]", "[gare]", "operators.yaml:2: Martine Dubois: le service « gare »"),
    (
        OPERATORS,
        "[accueil]",
        "[accueil], skills: {eau: expert}",
        "Martine Dubois ne prend pas les appels de « eau »",
    ),
    (OPERATORS, "[accueil]", "[accueil], skills: {accueil: chef}", "operators.yaml:2: Martine"),
    (
        OPERATORS,
        "[accueil]",
        '[accueil], shifts: {monday: ["12:00-08:00"]}',
        "« 12:00-08:00 » finit avant de commencer",
    ),
    (OPERATORS, "[accueil]", "[accueil], shifts: {}", "aucun jour d'ouverture"),
    (HOURS, "08:30-12:00", "8h30-12h", "n'est pas une plage horaire"),
    (HOURS, '"13:30-17:00"', '"11:30-17:00"', "se chevauchent"),
    (HOURS, "  - {mode: machine-first}\n", "", "la dernière ligne doit valoir"),
    (HOURS, "monday:", "mondai:", "vouliez-vous écrire « monday » ?"),
    (PROMPTS, "greeting: Bonjour", "greting: Bonjour", "prompts/en.yaml:1: il manque « greting »"),
    (PROMPTS, "{{ department }}", "{{ department.name.x() }}", "appeler une fonction"),
    (PROMPTS, "{{ department }}", "{{ town.nam }}", "le fait « nam » n'existe pas dans « town »"),
    ("prompts/en.yaml", "more: Anything", "more: '{{ what }}'\nmor: A", "« mor » n'existe pas en"),
    ("dialogue/fr.yaml", "id: repeter", "id: redire", "n'est pas un identifiant du dialogue"),
    ("elsewhere.yaml", "id: impots", "id: urgence", "« urgence » est réservé au dialogue"),
    ("wording/en.yaml", '"{h12} {half}"', '"{hour}"', "wording/en.yaml:2: hour: "),
]


@pytest.mark.parametrize(
    ("file", "old", "new", "fault"), FAULTS, ids=[f"{f[0]}: {f[2][:30]}" for f in FAULTS]
)
def test_a_fault_is_told_on_its_line(
    tmp_path: Path, file: str, old: str, new: str, fault: str
) -> None:
    found = faults(write(tmp_path, replaced(file, old, new)))
    assert any(fault in one for one in found), found


@pytest.mark.parametrize("name", [DEPARTMENTS, HOURS, OPERATORS, PROMPTS])
def test_a_file_that_must_be_there(tmp_path: Path, name: str) -> None:
    found = faults(write(tmp_path, {name: None}))
    assert f"{name}: le fichier n'existe pas : créez-le ou restaurez-le" in found


def test_latin_1(tmp_path: Path) -> None:
    raw = FILES[FAQ].encode("latin-1", errors="replace")
    (found,) = faults(write(tmp_path, {FAQ: raw, "faq/en/accueil.yaml": None}))
    assert found.startswith("faq/accueil.yaml:6: le fichier n'est pas en UTF-8 (ici un « à »")


def test_an_empty_faq(tmp_path: Path) -> None:
    no_files: Files = dict.fromkeys(name for name in FILES if name.startswith("faq/"))
    (found,) = faults(write(tmp_path / "a", no_files))
    assert found == "faq: aucune question : écrivez-y au moins une entrée"
    empty: Files = {**no_files, FAQ: "department: eau\nentries: []\n"}
    (found,) = faults(write(tmp_path / "b", empty))
    assert found == "faq: aucune question : écrivez-y au moins une entrée"


def test_no_folder(tmp_path: Path) -> None:
    assert "le dossier des connaissances n'existe pas" in faults(tmp_path / "absent")[0]


def test_a_file_that_would_not_be_read(tmp_path: Path) -> None:
    found = faults(write(tmp_path, {"faq/plus.yml": "", "faq/vieux/a.yaml": "", "x/a.yaml": ""}))
    assert found == [
        "faq/plus.yml: le fichier n'est pas lu : renommez-le en .yaml",
        "faq/vieux: un dossier de faq/ porte le code d'une langue : en",
    ]


def test_an_editors_hidden_files_are_left_alone(tmp_path: Path) -> None:
    load(write(tmp_path, {"faq/.#accueil.yaml": "\t", "prompts/.fr.yaml.swp": b"\xff"}))


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    broken: Files = {
        **replaced(FAQ, "department: accueil", "department: gare"),
        **replaced(HOURS, "08:30-12:00", "8h30-12h"),
        EAU: "\t",
    }
    found = faults(write(tmp_path, broken))
    assert {one.partition(":")[0] for one in found} == {"faq/accueil.yaml", HOURS, EAU}


def test_prompts_that_the_program_says(tmp_path: Path) -> None:
    root = write(tmp_path)
    load(root, prompts={"greeting": (), "transfer": ["department", "when"]})
    with pytest.raises(KnowledgeError) as raised:
        load(root, prompts={"goodbye": (), "transfer": ["who"]})
    missing, other = map(str, raised.value.faults)
    assert "fr.yaml:1: il manque « goodbye », que le standard doit dire" in missing
    assert "fr.yaml:2: transfer: « transfer » : « department » n'est pas connu ici" in other


# --- bad input that would hurt ------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "[" * 100_000 + "]" * 100_000],
    ids=["lists", "mappings", "block", "closed"],
)
def test_nesting_without_end_does_not_overflow_the_stack(text: str) -> None:
    with pytest.raises(KnowledgeError, match="plus de 100 niveaux"):
        parse(Path("x.yaml"), text)


def test_aliases_that_multiply() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    with pytest.raises(KnowledgeError, match="les alias"):
        parse(Path("x.yaml"), "\n".join(lines))


@pytest.mark.parametrize(
    "text",
    [
        "{% for a in range(50) %}{% for b in range(50) %}aaaaaaaa{% endfor %}{% endfor %}",
        "{% for a in range(9) %}{% for b in range(9) %}{% for c in range(9) %}{% endfor %}"
        "{% endfor %}{% endfor %}",
        "{{ 'a' * 1000000000 }}",
        "{{ range(10) | join('" + "a" * MAX_OUTPUT + "') }}",
        "{% set x = 1 %}",
        "{% macro f() %}{{ f() }}{% endmacro %}",
        "{% include 'etc/passwd' %}",
        "{{ ''.__class__.__mro__ }}",
        "{{ ''['__class__'] }}",
        "{{ x | attr('__class__') }}",
        "{{ '%9999999d' | format(1) }}",
        "{{ range.__globals__ }}",
        "{{ cycler }}",
        "{{ (" * 500 + "1" + ") }}",
    ],
)
def test_a_template_that_reaches_too_far(text: str) -> None:
    with pytest.raises(TemplateFault):
        render(text, {"x": "y"})


@given(st.text(alphabet="{}%#'\"[]()|._ abforinif0129\n~-+", max_size=60))
def test_any_text_is_rendered_or_refused(text: str) -> None:
    with suppress(TemplateFault):
        assert len(render("{{" + text, {"a": "b"})) <= MAX_OUTPUT


@given(st.text(max_size=200) | st.text(alphabet="ab:-[]{}&*'\"\t\n #|>?!%@", max_size=80))
def test_any_yaml_is_read_or_refused_on_a_line(text: str) -> None:
    faults: tuple[Fault, ...] = ()
    try:
        parse(Path("x.yaml"), text)
    except KnowledgeError as error:
        faults = error.faults
    assert all(str(fault).startswith("x.yaml:") for fault in faults)


@given(st.text())
def test_folding_twice_is_folding_once(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    assert set(fold(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789 ")


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("scratch"))


@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_done_to_a_file_it_loads_or_the_faults_are_told(
    scratch: Path, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    text = FILES[name]
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 30)))
    new = data.draw(st.text(alphabet="{}[]:,-#'\"|>&*!% \n\t.0a\u00e9~", max_size=6))
    put(scratch / name, text[:start] + new + text[end:])
    try:
        with suppress(KnowledgeError):
            load(scratch)
    finally:
        put(scratch / name, text)


def test_ten_thousand_entries(tmp_path: Path) -> None:
    entry = (
        "  - id: q-{n}\n    title: Question {n}\n    confirm: la question {n}\n"
        "    examples: [une phrase {n}, une autre façon de dire {n}, encore {n}]\n"
        "    answer: Réponse {n}, au {{{{ dept['eau'].phone }}}}.\n"
    )
    text = "department: eau\nentries:\n" + "".join(entry.format(n=n) for n in range(10_000))
    knowledge = load(write(tmp_path, {EAU: text}))
    assert knowledge.answer("q-9999") == "Réponse 9999, au 02 32 00 20 10."


def test_loading_needs_none_of_the_heavy_libraries() -> None:
    code = (
        "import sys; from ivr.knowledge import load, store, schema; "
        "print(sorted({'torch', 'sklearn', 'sqlalchemy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
