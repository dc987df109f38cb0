"""An admin changes what the switchboard answers, from the console."""

from __future__ import annotations

import asyncio
import html
import inspect
import re
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from ivr.calllog.tables import Call, OperatorNote, Turn
from ivr.knowledge import load
from tests.console import ADMIN, NAME, OPERATOR, Client, Console

EAU = "faq/eau.yaml"


@pytest.fixture
async def admin(console: Console) -> AsyncIterator[Client]:
    async with console.client(ADMIN) as client:
        yield client


def text_of(answer: httpx.Response) -> str:
    """What a page says, without its marks."""
    return " ".join(html.unescape(re.sub("<[^>]+>", " ", answer.text)).split())


class _Sheet(HTMLParser):
    """Reads the editor's form."""

    def __init__(self) -> None:
        super().__init__()
        self.values: dict[str, Any] = {}
        self._inside = self._template = False
        self._open: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        own = dict(attrs)
        self._inside |= own.get("id") == "sheet"
        self._template |= tag == "template"
        name = own.get("name")
        if not self._inside or self._template:
            return
        if tag == "input" and name:
            self._put(name, own.get("value") or "")
        elif tag in ("textarea", "select") and name:
            self._open = name
            self._put(name, "")
        elif tag == "option" and "selected" in own and self._open:
            self.values[self._open] = own.get("value") or ""

    def handle_data(self, data: str) -> None:
        if self._open and self.lasttag == "textarea":
            some = self.values[self._open]
            if isinstance(some, list):
                some[-1] += data
            else:
                self.values[self._open] += data

    def handle_endtag(self, tag: str) -> None:
        self._inside &= tag != "form"
        self._template &= tag != "template"
        if tag in ("textarea", "select"):
            self._open = None

    def _put(self, name: str, value: str) -> None:
        known = self.values.get(name)
        if known is None:
            self.values[name] = value
        else:
            self.values[name] = [*(known if isinstance(known, list) else [known]), value]


async def sheet(client: Client, path: str) -> dict[str, Any]:
    """The editor's form as a browser would send it unchanged."""
    page = await client.get(path)
    assert page.status_code == 200, text_of(page)
    reader = _Sheet()
    reader.feed(page.text)
    return reader.values


async def eventually(condition: Callable[[], Any], at_most_s: float = 10) -> None:
    """Wait for something to become true."""
    async with asyncio.timeout(at_most_s):
        while True:
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return
            await asyncio.sleep(0.05)


def source(console: Console, name: str) -> Path:
    return console.settings.paths.knowledge / name


PATH = "/questions/fr/eau-fuite"


async def live(console: Console, entry: str, text: str) -> None:
    """The knowledge in use says so within two seconds."""
    await eventually(lambda: text in console.parts.store.current.entries[entry].answer)


async def test_operators_do_not_change_answers(console: Console) -> None:
    async with console.client(OPERATOR) as client:
        for path in ("/questions", PATH, "/a-apprendre", "/questions/historique"):
            assert (await client.get(path)).status_code == 403
        for path in (PATH, f"{PATH}/supprimer", "/a-apprendre/ajouter", f"{PATH}/ecouter"):
            assert (await client.post(path, {"answer": "x"})).status_code == 403


async def test_an_unchanged_form_changes_nothing(console: Console, admin: Client) -> None:
    for name in ("eau-fuite", "acte-naissance", "piscine", "encombrants"):
        before = {file: file.read_bytes() for file in source(console, "faq").glob("*.yaml")}
        path = f"/questions/fr/{name}"
        answer = await admin.post(path, await sheet(admin, path))
        assert answer.status_code == 303, text_of(answer)
        after = {file: file.read_bytes() for file in source(console, "faq").glob("*.yaml")}
        assert after == before, name


async def test_a_changed_answer_is_live_and_can_be_taken_back(
    console: Console, admin: Client
) -> None:
    before = source(console, EAU).read_text()
    form = await sheet(admin, PATH)
    form["answer"] = "Appelez vite le {{ dept['eau'].phone }} : c'est le mieux."
    answer = await admin.post(PATH, form)
    assert answer.status_code == 303, text_of(answer)
    await live(console, "eau-fuite", "c'est le mieux")
    shown = await admin.get("/questions/historique?question=eau-fuite")
    assert "Claire Delorme" in shown.text
    assert "<ins>" in shown.text
    assert "Historique de « Une fuite ou une coupure d'eau dans la rue »" in text_of(shown)
    number = re.findall(r"/questions/historique/(\d+)/annuler", shown.text)[0]
    await admin.post(f"/questions/historique/{number}/annuler")
    found = load(console.settings.paths.knowledge).entries["eau-fuite"]
    assert "c'est le mieux" not in found.answer
    assert source(console, EAU).read_text().split() == before.split()
    again = await admin.post(f"/questions/historique/{number}/annuler", follow_redirects=True)
    assert again.status_code == 303 or "Rien n'a été annulé" in text_of(again)


@pytest.mark.parametrize(
    ("field", "value", "told"),
    [
        ("answer", "{{ ''.__class__.__mro__ }}", "accès interdit aux rouages"),
        ("answer", "{% for a in range(999999) %}x{% endfor %}", "boucle fait plus de"),
        ("answer", "{{ town.inconnu }}", "le fait « inconnu » n'existe pas"),
        ("answer", "", "ce champ est obligatoire"),
        ("answer", "mot " * 300, "secondes à dire"),
        ("answer", "x" * 300_000, "trop long"),
        ("title", "<script>alert(1)</script>" * 20, "trop long"),
        ("examples", "a\x07b", "caractère invisible"),
        ("examples", "x\n" * 3000, "plus de 2000 lignes"),
        ("examples", "acte de naissance", "est aussi un exemple de « eau-fuite »"),
        ("valid_from", "demain", "une date était attendue"),
        ("priority", "9999", "trop grand"),
        ("department", "../../etc", "n'existe pas dans departments.yaml"),
        ("synonyms", "sans deux points", "écrivez le mot, deux-points"),
    ],
)
async def test_what_is_wrong_is_told_and_changes_nothing(
    console: Console, admin: Client, field: str, value: str, told: str
) -> None:
    before = source(console, EAU).read_bytes()
    form = {**await sheet(admin, PATH), field: value}
    answer = await admin.post(f"{PATH}/verifier", form)
    assert told in text_of(answer)
    assert "<script>alert" not in answer.text
    if field in ("answer", "examples"):
        answer = await admin.post(PATH, form)
        assert (answer.status_code, told in text_of(answer)) == (422, True)
    assert source(console, EAU).read_bytes() == before


async def test_who_begins_a_question_is_told_what_is_left_to_fill_in(admin: Client) -> None:
    form = await sheet(admin, "/questions/nouvelle")
    told = text_of(await admin.post("/questions/fr/nouvelle/verifier", form))
    assert "À remplir Titre, Phrase de confirmation, Exemples, Réponse" in told
    assert "obligatoire" not in told
    form |= {"title": "Les ruches", "answer": "{{ town.inconnu }}"}
    told = text_of(await admin.post("/questions/fr/nouvelle/verifier", form))
    assert "À corriger Réponse" in told
    answer = await admin.post("/questions/nouvelle", form)
    assert (answer.status_code, text_of(answer).count("ce champ est obligatoire")) == (422, 2)


async def test_markup_in_a_title_is_shown_as_text(console: Console, admin: Client) -> None:
    first = await sheet(admin, PATH)
    form = {**first, "title": "<img src=x onerror=alert(1)>"}
    assert (await admin.post(PATH, form)).status_code == 303
    for path in ("/questions", PATH, "/questions/historique"):
        page = await admin.get(path)
        assert "<img src=x" not in page.text
    await admin.post(PATH, {**await sheet(admin, PATH), "title": first["title"]})


async def test_two_people_at_once_see_both_versions(console: Console, admin: Client) -> None:
    first = await sheet(admin, PATH)
    second = {**first, "title": "Le titre du second", "offer": "Autre chose ?"}
    assert (await admin.post(PATH, {**first, "title": "Le titre du premier"})).status_code == 303
    told = text_of(await admin.post(f"{PATH}/verifier", second))
    assert f"{NAME} vient de modifier cette question" in told
    answer = await admin.post(PATH, second)
    assert answer.status_code == 409
    assert f"{NAME} a enregistré une autre version" in text_of(answer)
    assert "Le titre du premier" in answer.text
    assert "Le titre du second" in answer.text
    base = re.search(r'name="version" value="([^"]+)"', answer.text)
    assert base
    choice = {**second, "version": base[1], "choix_title": "leur", "choix_offer": "mien"}
    assert (await admin.post(PATH, choice)).status_code == 303
    found = load(console.settings.paths.knowledge).entries["eau-fuite"]
    assert (found.title, found.offer) == ("Le titre du premier", "Autre chose ?")
    former = {"title": first["title"], "offer": first["offer"]}
    await admin.post(PATH, {**await sheet(admin, PATH), **former})


async def test_a_double_click_saves_once(console: Console, admin: Client) -> None:
    first = await sheet(admin, PATH)
    form = {**first, "title": "Deux clics"}
    answers = await asyncio.gather(admin.post(PATH, form), admin.post(PATH, form))
    assert 303 in {one.status_code for one in answers}
    changes = await console.app.state.desk.history.of("fr", "eau-fuite")
    assert [one.after for one in changes if '"Deux clics"' in (one.after or "")][1:] == []
    await admin.post(PATH, {**await sheet(admin, PATH), "title": first["title"]})


async def test_an_edit_by_hand_is_never_overwritten(console: Console, admin: Client) -> None:
    form = {**await sheet(admin, PATH), "title": "De la console"}
    file = source(console, EAU)
    before = file.read_text()
    title = form | await sheet(admin, PATH)
    assert title["title"] in before
    file.write_text(before.replace(f"title: {title['title']}", "title: À la main"))
    answer = await admin.post(PATH, form)
    assert answer.status_code == 409
    assert "À la main" in answer.text
    assert "Quelqu'un a enregistré une autre version" in text_of(answer)
    assert "title: À la main" in file.read_text()

    async def noted() -> bool:
        listed = await console.app.state.desk.history.of("fr", "eau-fuite")
        return any(one.who == "" and "À la main" in (one.after or "") for one in listed)

    await eventually(noted)
    assert "hors console" in (await admin.get("/questions/historique")).text
    file.write_text(before)


async def test_a_file_broken_by_hand_is_shown_and_keeps_everything(
    console: Console, admin: Client
) -> None:
    form = {**await sheet(admin, PATH), "title": "Pendant la faute"}
    other = source(console, "faq/voirie.yaml")
    before = other.read_bytes()
    other.write_bytes(before + b"\n\t- cass\xc3\xa9")
    try:
        answer = await admin.post(PATH, form)
        assert answer.status_code == 409
        assert "Pendant la faute" in answer.text  # what was typed is still there
        assert "voirie.yaml:" in text_of(answer)
        await eventually(lambda: console.parts.store.faults)
        page = text_of(await admin.get("/questions"))
        assert "a une faute" in page
        assert "tabulation" in page
        assert "dernière bonne version" in page
    finally:
        other.write_bytes(before)
    await eventually(lambda: not console.parts.store.faults)


async def test_a_folder_that_cannot_be_written_is_told(
    admin: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> tuple[int, str]:
        raise OSError(28, "No space left on device")

    form = {**await sheet(admin, PATH), "title": "Disque plein"}
    monkeypatch.setattr("ivr.yamledit.tempfile.mkstemp", full)
    answer = await admin.post(PATH, form)
    assert answer.status_code == 409
    assert "ne peut pas être écrit" in text_of(answer)
    assert 'value="Disque plein"' in answer.text


async def test_an_expired_session_says_what_to_do(console: Console, admin: Client) -> None:
    form = await sheet(admin, PATH)
    async with console.client() as nobody:
        answer = await nobody.post(f"{PATH}/verifier", form, headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert "pour vous reconnecter" in text_of(answer)


async def test_a_question_is_added_translated_removed_and_brought_back(
    console: Console, admin: Client
) -> None:
    page = await sheet(admin, "/questions/nouvelle")
    form = {
        **page, "title": "Les ruches en ville", "confirm": "les ruches", "department": "voirie",
        "examples": "j'ai un essaim d'abeilles\nune ruche chez moi", "answer": "Déclarez-la.",
        "suite_id": "prix", "suite_examples": "et ça coûte", "suite_answer": "Rien.",
    }  # fmt: skip
    answer = await admin.post("/questions/nouvelle", form)
    assert answer.status_code == 303, text_of(answer)
    path = "/questions/fr/les-ruches-en-ville"
    assert answer.headers["location"] == path
    assert "<h1>Les ruches en ville</h1>" in (await admin.get(path)).text, "at once"
    known = load(console.settings.paths.knowledge).entries["les-ruches-en-ville"]
    assert (known.department, known.follow_up("prix").answer) == ("voirie", "Rien.")
    twice = await admin.post("/questions/nouvelle", form)
    assert twice.status_code == 422
    assert "existe déjà" in text_of(twice)
    await eventually(lambda: console.parts.store.current.speaks("les-ruches-en-ville", "fr"))
    assert "Traduire en anglais" in text_of(await admin.get(path))
    english = "/questions/en/les-ruches-en-ville"
    page = await sheet(admin, english)
    assert "Déclarez-la." in text_of(await admin.get(english)), "the French version is beside"
    form = {
        **page, "title": "Beehives", "confirm": "beehives", "answer": "Please declare it.",
        "examples": "a beehive in my garden\nwe keep bees",
    }  # fmt: skip
    wrong = await admin.post(english, {**form, "answer": "{{ town.nobody }}"})
    assert (wrong.status_code, "Déclarez-la." in text_of(wrong)) == (422, True)
    assert "« nobody » n'existe pas" in text_of(wrong)
    assert "Tout est en ordre" in text_of(await admin.post(f"{english}/verifier", form))
    assert (await admin.post(english, form)).status_code == 303
    same = await admin.post(english, form)
    assert (same.status_code, same.headers["location"]) == (303, english), "a double click"
    other = await admin.post(english, {**form, "title": "Hives"})
    assert (other.status_code, "Beehives" in other.text) == (409, True)
    for nothing in ("/questions/en/rien-de-tel", "/questions/xx/les-ruches-en-ville"):
        assert (await admin.get(nothing)).status_code == 404
    await eventually(lambda: console.parts.store.current.speaks("les-ruches-en-ville", "en"))
    asked = await admin.get(f"{path}/supprimer")
    assert "2 exemples, 1 question de suite, la version en anglais" in text_of(asked)
    version = re.search(r'name="version" value="([^"]+)"', asked.text)
    assert version
    late = await sheet(admin, path)
    await admin.post(f"{path}/supprimer", {"version": "another"})
    assert "les-ruches-en-ville" in load(console.settings.paths.knowledge).entries
    await admin.post(f"{path}/supprimer", {"version": version[1]})
    gone = load(console.settings.paths.knowledge)
    assert not gone.speaks("les-ruches-en-ville", "fr")
    assert not gone.speaks("les-ruches-en-ville", "en")
    assert f"{NAME} a supprimé la question" in text_of(await admin.post(path, late))
    past = await admin.get("/questions/historique?question=les-ruches-en-ville")
    number = re.findall(r"/questions/historique/(\d+)/annuler", past.text)[0]
    await admin.post(f"/questions/historique/{number}/annuler")
    back = load(console.settings.paths.knowledge)
    assert back.answer("les-ruches-en-ville") == "Déclarez-la."
    assert back.answer("les-ruches-en-ville", "en") == "Please declare it."
    await admin.post(f"{path}/supprimer", {"version": version[1]})


async def test_the_preview_is_what_will_be_said(admin: Client) -> None:
    form = {**await sheet(admin, PATH), "answer": "À 14 h 30, à {{ town.name }}."}
    shown = text_of(await admin.post(f"{PATH}/verifier", form))
    assert "À quatorze heures trente, à Valmont" in shown
    assert "environ" in shown


async def test_searching_finds_by_any_word(admin: Client) -> None:
    page = (await admin.get("/questions?q=trottoir fuite")).text
    assert 'href="/questions/fr/eau-fuite"' in page
    assert 'href="/questions/fr/acte-naissance"' not in page
    assert 'href="/questions/en/horaires-mairie"' in (await admin.get("/questions")).text
    assert "Aucune question" in text_of(await admin.get("/questions?q=" + "z" * 5000))
    assert (await admin.get("/questions?jours=12")).status_code == 422


async def test_what_became_of_each_question_is_counted(console: Console, admin: Client) -> None:
    now = datetime.now(UTC)

    def work(session: Any) -> None:
        for number, (outcome, notes) in enumerate(
            [("answered", "answered:marche"), ("answered", "confirmed:marche answered:marche"),
             ("gave-up", "corrected:marche")]
        ):  # fmt: skip
            call = Call(id=f"usage.{number}", caller_number=None, started_at=now, outcome=outcome)
            call.turns = [
                Turn(number=1, at=now, happened="heard", entry="marche", decision="answer"),
                Turn(number=2, at=now, happened="heard", notes=notes),
            ]
            session.add(call)

    await console.parts.database.run(work)
    page = await admin.get("/questions?jours=7")
    row = page.text.partition('href="/questions/fr/marche"')[2].partition("</tr>")[0]
    assert page.status_code == 200, text_of(page)
    assert re.findall(r'data-name="(\w+)">(\S+)<', row) == [
        ("posée", "3"), ("répondue", "2"), ("confirmée", "1"), ("corrigée", "1"),
        ("abandonnée", "1"),
    ]  # fmt: skip


# --- to learn ------------------------------------------------------------------------------------


async def missed(
    console: Console, number: int, heard: str, note: str = "", *, outcome: str = ""
) -> None:
    """A call in which something was not understood, or, by an operator's outcome, wrongly."""
    now = datetime.now(UTC)

    def work(session: Any) -> None:
        call = Call(
            id=f"missed.{number}", caller_number=None, started_at=now, outcome="transferred"
        )
        call.department = "eau"
        call.turns = [
            Turn(number=1, at=now, happened="heard", heard=heard, decision="reject",
                 about="reprompt.first", notes="rejected"),
        ]  # fmt: skip
        if outcome:
            call.turns[0].decision, call.turns[0].notes = "answer", "answered:piscine"
            call.turns[0].about, call.turns[0].entry = "faq:piscine", "piscine"
        session.add(call)
        if note or outcome:
            session.add(
                OperatorNote(call_id=call.id, operator="101", text=note, outcome=outcome, at=now)
            )

    await console.parts.database.run(work)


@pytest.mark.speech
async def test_what_was_missed_is_learnt_made_a_question_or_dismissed(
    console: Console, admin: Client
) -> None:
    phrase = "le robinet du voisin pisse sur la chaussée"
    await missed(console, 1, phrase, note="C'était bien une fuite.")
    await missed(console, 2, "mon hamster a avalé un trombone")
    await missed(console, 3, "la pelouse du square est inondée", outcome="wrong-department")
    await missed(console, 4, "tout va bien merci", outcome="settled")
    shown = await admin.get("/a-apprendre/groupes", timeout=120)
    assert phrase in shown.text
    assert "C&#39;était bien une fuite." in shown.text
    assert "la pelouse du square est inondée" in shown.text
    assert text_of(shown).count("corrigé par un agent") == 1
    assert "tout va bien merci" not in shown.text
    assert "le service de l'eau" in text_of(shown)

    begun = await admin.post(
        "/questions/nouvelle",
        {"commencer": "1", "examples": "mon hamster a avalé un trombone",
         "appris": "mon hamster a avalé un trombone", "department": "voirie"},
    )  # fmt: skip
    assert "mon hamster a avalé un trombone</textarea>" in begun.text
    nothing = await admin.post("/a-apprendre/ajouter", {"langue": "fr", "question": "eau-fuite"})
    assert "Cochez au moins une phrase" in text_of(nothing)
    form = {"langue": "fr", "question": "eau-fuite", "texte": phrase}
    assert "1 phrase ajoutée" in text_of(await admin.post("/a-apprendre/ajouter", form))
    assert phrase in load(console.settings.paths.knowledge).entries["eau-fuite"].examples
    live = console.parts.store
    await eventually(lambda: phrase in live.current.entries["eau-fuite"].examples)
    dismissed = {"langue": "fr", "texte": "mon hamster a avalé un trombone"}
    await admin.post("/a-apprendre/ecarter", dismissed)
    shown = await admin.get("/a-apprendre/groupes", timeout=120)
    assert phrase not in shown.text
    assert "hamster" not in shown.text
    await admin.post("/a-apprendre/reprendre", dismissed)
    assert "a remis des phrases à apprendre 1" in text_of(await admin.get("/journal"))
    like = {**form, "question": "piscine", "texte": phrase}
    told = text_of(await admin.post("/a-apprendre/ajouter", like))
    assert "exemple de « Une fuite ou une coupure d'eau dans la rue »" in told
    [change, *_] = await console.app.state.desk.history.of("fr", "eau-fuite")
    assert change.who == ADMIN
    await admin.post(f"/questions/historique/{change.id}/annuler")
    shown = await admin.get("/a-apprendre/groupes", timeout=120)
    assert phrase in shown.text  # to be decided on again
    assert "hamster" in shown.text


# --- the models ----------------------------------------------------------------------------------


@pytest.mark.speech
async def test_a_sentence_is_tried_with_what_is_typed(admin: Client) -> None:
    form = await sheet(admin, PATH)
    phrase = {"phrase": "glouglou dans la cave du presbytère"}
    before = text_of(await admin.post(f"{PATH}/essayer", {**form, **phrase}, timeout=120))
    assert "Répond tout de suite" not in before
    taught = {**form, "examples": form["examples"] + "\nglouglou dans la cave du presbytère"}
    after = text_of(await admin.post(f"{PATH}/essayer", {**taught, **phrase}, timeout=120))
    assert "cette question" in after
    assert "pas encore enregistrées" in after
    assert "le sens ressemble" in after
    assert "Tapez d'abord" in text_of(await admin.post(f"{PATH}/essayer", {**form, "phrase": " "}))


@pytest.mark.speech
async def test_an_answer_is_heard_and_a_recording_understood(
    console: Console, admin: Client
) -> None:
    form = {**await sheet(admin, PATH), "answer": "À quelle heure ouvre la piscine ?", "offer": ""}
    answer = await admin.post(f"{PATH}/ecouter", form)
    assert "Chargement de la voix" in text_of(answer)
    async with asyncio.timeout(120):
        while "<audio" not in answer.text:
            assert "fault" not in answer.text, text_of(answer)
            await asyncio.sleep(0.1)
            answer = await admin.get(re.findall(r'hx-get="([^"]+)"', answer.text)[0])
    sound = re.findall(r'src="([^"]+)"', answer.text)[0]
    wave = (await admin.get(sound)).content
    assert wave[:4] == b"RIFF"
    assert len(wave) > 16_000 * 2  # a second at least
    tried = await admin.http.post(
        f"{PATH}/essayer/son", content=wave, headers={"X-CSRF-Token": admin.csrf}
    )
    assert "piscine" in text_of(tried)
    assert "Entendu" in text_of(tried)
    broken = await admin.http.post(
        f"{PATH}/essayer/son", content=b"RIFF", headers={"X-CSRF-Token": admin.csrf}
    )
    assert "ne peut pas être lu" in text_of(broken)
