"""An operator's day: their state, a call that comes in, its note, callbacks, a search."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from time import thread_time

import pytest
from playwright.async_api import Browser, expect
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from ivr.calllog.tables import Call, Callback, CallbackAttempt, OperatorNote, QueueStay, Turn
from ivr.console.search import Search
from ivr.live.messages import Answer, Duty, LiveOperator, People
from ivr.retention.numbers import random_pseudonym
from tests.console import (
    ADMIN,
    EXTENSION,
    OPERATOR,
    PASSWORD,
    Console,
    browsing,
    fits,
    serious,
)  # fmt: skip
from tests.telephone import Telephone, telephone

COLLEAGUE = "t.collegue"
"""Another operator of the same departments, with another telephone."""
NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
async def line(console: Console) -> AsyncIterator[Telephone]:
    await console.parts.accounts.add(
        COLLEAGUE, "Julien Caron", "operator", "102", by="tests", now=NOW, password=PASSWORD
    )
    async with telephone(console) as line:
        yield line


def forget(session: Session) -> None:
    """Leave no call to the tests of other pages of the same console."""
    for table in (OperatorNote, QueueStay, Turn, Call, CallbackAttempt, Callback):
        session.execute(delete(table))


@pytest.fixture(autouse=True)
async def logged(line: Telephone) -> AsyncIterator[None]:
    """One call that was answered by 101, two callbacks of theirs and one of another department."""

    def work(session: Session) -> None:
        forget(session)
        for call_id, at in (("1.1", NOW), ("0.9", NOW - timedelta(days=2))):
            session.add(
                Call(id=call_id, caller_number="0612345678", started_at=at, ended_at=at,
                     outcome="transferred", department="etat-civil", reason="Passeport")
            )  # fmt: skip
        session.flush()
        session.add(
            Turn(call_id="1.1", number=1, at=NOW, happened="heard", heard="pour un passeport",
                 entry="passeport", score=0.9, decision="answer", about="faq:passeport",
                 said="Le passeport se demande sur rendez-vous.")
        )  # fmt: skip
        session.add(
            QueueStay(call_id="1.1", caller_number="0612345678", department="etat-civil",
                      reason="Passeport, déjà renseigné", joined_at=NOW, answered_at=NOW,
                      outcome="answered", operator=EXTENSION)
        )  # fmt: skip
        for number, (department, hours) in enumerate(
            (("etat-civil", -3), ("accueil", 3), ("urbanisme", 1)), 1
        ):
            session.add(
                Callback(id=number, reference=f"222{number}", number=f"+3361234567{number}",
                         department=department, reason=f"Demande {number}", state="pending",
                         call_id="1.1", due_at=NOW + timedelta(hours=hours), taken_at=NOW,
                         updated_at=NOW)
            )  # fmt: skip

    await line.console.parts.database.run(work)
    yield
    await line.console.parts.database.run(forget)


async def callback(line: Telephone, number: int) -> Callback:
    found = await line.console.parts.database.run(lambda session: session.get(Callback, number))
    assert found is not None
    return found


async def test_the_desk_shows_the_call_with_all_that_is_known(line: Telephone) -> None:
    async with line.console.client(OPERATOR) as client:
        page = (await client.get("/poste")).text
    for known in (
        "06 12 34 56 78", "Passeport, déjà renseigné", "pour un passeport",
        "Le passeport se demande sur rendez-vous", "Appels précédents (1)",
    ):  # fmt: skip
        assert known in page


async def test_a_note_is_written_once_however_often_it_is_sent(line: Telephone) -> None:
    form = {"issue": "settled", "texte": "Demande aussi <b>la carte grise</b>"}
    async with line.console.client(OPERATOR) as client:
        await asyncio.gather(*(client.post("/poste/appels/1.1/note", form) for _ in "abc"))
        assert 'data-call="1.1"' not in (await client.get("/poste")).text
    notes = await line.console.parts.database.run(
        lambda session: list(session.scalars(select(OperatorNote)))
    )
    assert [(one.operator, one.outcome) for one in notes] == [(EXTENSION, "settled")]
    assert "<b>" in notes[0].text  # kept as written, shown escaped


async def test_an_operator_notes_that_somebody_is_to_be_called_back(line: Telephone) -> None:
    form = {"issue": "call-back", "texte": "Veut un\n livret <b>vite</b>", "quand": "demain matin"}
    async with line.console.client(OPERATOR) as client:
        await asyncio.gather(*(client.post("/poste/appels/1.1/note", form) for _ in "ab"))
        assert "à votre nom" in (await client.get("/poste")).text
        form["quand"] = "à la saint-glinglin"
        await client.post("/poste/appels/1.1/note", form)
        assert "pas un moment" in (await client.get("/poste")).text
        assert "noté par un agent" in (await client.get("/rappels")).text
    found = await line.console.parts.database.run(
        lambda session: list(session.scalars(select(Callback).where(Callback.id > 3)))
    )
    assert [
        (one.number, one.department, one.operator, one.reason, one.origin) for one in found
    ] == [("+33612345678", "etat-civil", EXTENSION, "Veut un livret <b>vite</b>", "operator")]
    assert found[0].due_at > NOW + timedelta(minutes=30)


async def test_nobody_is_called_back_at_a_withheld_number(line: Telephone) -> None:
    def withhold(session: Session) -> None:
        for table in (Call, QueueStay):
            session.execute(update(table).values(caller_number=None))

    await line.console.parts.database.run(withhold)
    async with line.console.client(OPERATOR) as client:
        await client.post("/poste/appels/1.1/note", {"issue": "call-back"})
        page = (await client.get("/poste")).text
    assert "La note est enregistrée. Personne ne sera rappelé" in page


@pytest.mark.parametrize(
    ("path", "form", "status"),
    [
        ("/poste/appels/9.9/note", {"texte": "x"}, 403),
        ("/poste/appels/1.1/note", {"texte": "x" * 5000}, 422),
        ("/poste/appels/1.1/note", {"issue": "autre"}, 422),
        ("/poste/etat", {"etat": "autre"}, 422),
        ("/poste/etat", {}, 422),
        ("/rappels/1/detruire", {}, 422),
        ("/rappels/3/prendre", {}, 403),
        ("/rappels/77/prendre", {}, 404),
        ("/rappels/99999999999/prendre", {}, 404),
        ("/rappels/x/prendre", {}, 422),
    ],
)
async def test_what_cannot_be_is_refused(
    line: Telephone, path: str, form: dict[str, str], status: int
) -> None:
    async with line.console.client(OPERATOR) as client:
        assert (await client.post(path, form)).status_code == status


async def test_state_is_changed_by_an_order_and_the_page_says_what_became_of_it(
    line: Telephone,
) -> None:
    line.exchange.done.clear()
    async with line.console.client(OPERATOR) as client:
        await client.post("/poste/etat", {"etat": "pause", "motif": "Repas"})
        assert "C’est fait" in (await client.get("/poste")).text
        await client.post("/poste/etat", {"etat": "sign-out", "motif": "<script>"})
        line.exchange.answer = Answer.UNAVAILABLE
        await client.post("/poste/etat", {"etat": "ready"})
        assert "rien n’a été fait" in (await client.get("/poste")).text
        line.exchange.answer = Answer.DONE
    assert line.exchange.done == [
        (EXTENSION, Duty.PAUSE, "Repas"),
        (EXTENSION, Duty.SIGN_OUT, ""),
        (EXTENSION, Duty.READY, ""),
    ]
    async with line.console.client(ADMIN) as client:
        await client.post("/poste/etat", {"etat": "pause"})
        assert "pas de poste" in (await client.get("/poste")).text


async def test_nobody_is_promised_a_call_that_no_line_can_make(line: Telephone) -> None:
    assert not line.console.settings.trunk.can_dial_out
    async with line.console.client(OPERATOR) as client:
        assert "Appeler maintenant" not in (await client.get("/rappels/1")).text
        await client.post("/rappels/1/appeler")
        assert "pas de ligne vers l’extérieur" in (await client.get("/rappels/1")).text
    assert (await callback(line, 1)).state == "pending"


async def test_operators_see_their_callbacks_the_late_ones_first(line: Telephone) -> None:
    async with line.console.client(OPERATOR) as client:
        page = (await client.get("/rappels")).text
        assert page.index("2221") < page.index("2222")
        assert "2223" not in page
        assert "en retard" in page
        assert "06 12 •• •• 71" in page
        assert "2222" not in (await client.get("/rappels?etat=retard")).text
        assert "2221" not in (await client.get("/rappels?service=accueil")).text
        assert (await client.get("/rappels/3")).status_code == 403
        assert "06 12 34 56 71" in (await client.get("/rappels/1")).text, "whole for who acts"
    async with line.console.client(ADMIN) as client:
        assert "2223" in (await client.get("/rappels")).text


async def test_two_take_a_callback_at_once_and_the_second_is_told(line: Telephone) -> None:
    async with line.console.client(OPERATOR) as one, line.console.client(COLLEAGUE) as two:
        await asyncio.gather(*(client.post("/rappels/1/prendre") for client in (one, two)))
        pages = [(await client.get("/rappels/1")).text for client in (one, two)]
    told = ["Ce rappel est à vous" in page for page in pages]
    assert sorted(told) == [False, True]
    assert "déjà pris par le poste" in pages[told.index(False)]
    assert (await callback(line, 1)).operator == ("101" if told[0] else "102")


async def test_a_callback_is_given_back_moved_noted_and_cancelled(line: Telephone) -> None:
    async with line.console.client(OPERATOR) as client:
        for action, form in (
            ("prendre", {}), ("rendre", {}), ("reporter", {"quand": "dès que possible"}),
        ):  # fmt: skip
            assert (await client.post(f"/rappels/2/{action}", form)).status_code == 303
        moved = await callback(line, 2)
        assert moved.operator is None
        assert moved.wanted == "dès que possible"
        assert moved.due_at != NOW + timedelta(hours=3)
        await client.post("/rappels/2/reporter", {"quand": "à la saint-glinglin"})
        assert "pas un moment" in (await client.get("/rappels/2")).text
        await client.post("/rappels/2/resultat", {"issue": "busy", "note": "Rappeler"})
        assert ((await callback(line, 2)).state, (await callback(line, 2)).attempts) == (
            "pending",
            1,
        )
        await client.post("/rappels/2/resultat", {"issue": "n'importe quoi"})
        assert (await callback(line, 2)).attempts == 1
        await client.post("/rappels/2/resultat", {"issue": "reached", "note": "Fait"})
        assert (await callback(line, 2)).state == "done"
        await client.post("/rappels/2/resultat", {"issue": "busy"})
        assert (await callback(line, 2)).state == "done", "what is closed stays closed"
        await client.post("/rappels/1/annuler", {"note": "doublon"})
        assert ((await callback(line, 1)).state, (await callback(line, 1)).note) == (
            "cancelled", "doublon",
        )  # fmt: skip
        assert "2222" in (await client.get("/rappels?etat=faits")).text


async def test_who_called_writes_down_what_the_telephone_closed_meanwhile(line: Telephone) -> None:
    def work(session: Session) -> None:
        called = CallbackAttempt(
            id="rappel-1", callback_id=1, operator=EXTENSION, started_at=NOW, ended_at=NOW,
            outcome="reached",
        )  # fmt: skip
        session.add(called)
        session.get_one(Callback, 1).state = "done"
        session.get_one(Callback, 1).outcome = "reached"

    await line.console.parts.database.run(work)
    form = {"issue": "voicemail", "note": "Un répondeur"}
    async with line.console.client(COLLEAGUE) as other:
        assert "Compléter" not in (await other.get("/rappels/1")).text
        await other.post("/rappels/1/resultat", form)
        assert "fermé par un collègue" in (await other.get("/rappels/1")).text
    async with line.console.client(OPERATOR) as client:
        page = (await client.get("/rappels/1")).text
        assert "Compléter" in page
        assert '<option value="reached" selected>' in page
        await client.post("/rappels/1/resultat", {"issue": "reached", "note": "Dossier complet"})
        assert "Dossier complet" in (await client.get("/rappels/1")).text
        assert (await callback(line, 1)).state == "done"
        await client.post("/rappels/1/resultat", form)
    again = await callback(line, 1)
    assert (again.state, again.outcome, again.note) == ("pending", "voicemail", "Un répondeur")


async def test_a_number_that_is_erased_or_withheld_is_told_in_words(line: Telephone) -> None:
    def work(session: Session) -> None:
        session.get_one(Callback, 1).number = random_pseudonym()
        session.get_one(Callback, 1).state = "cancelled"
        session.get_one(Callback, 2).state = "dialling"

    await line.console.parts.database.run(work)
    async with line.console.client(OPERATOR) as client:
        assert "<h1>Rappel, numéro effacé</h1>" in (await client.get("/rappels/1")).text
        calling = (await client.get("/rappels/2")).text
    assert "<h1>Rappeler le 06 12 34 56 72</h1>" in calling
    assert "L’appel est en cours" in calling
    for impossible in ("Prévu", "Le rendre", "Appeler maintenant", "Reporter", "Annuler le rappel"):
        assert impossible not in calling


@pytest.mark.parametrize(
    ("words", "first"),
    [
        ("martine dub", "martine dubois"), ("passeport", "passeport"), ("passep", "passeport"),
        ("piscine horaires", "piscine"),
        ("urbanisme", "urbanisme"), ("carte d'identite", "carte"),
    ],
)  # fmt: skip
def test_the_search_finds_by_unfinished_words_and_without_accents(
    console: Console, words: str, first: str
) -> None:
    search = Search(console.parts.store.current)
    begun = thread_time()
    results = search.find(words)
    assert thread_time() - begun < 0.3
    assert first in results[0].title.lower()


@pytest.mark.parametrize("words", ["", "   ", "zzzzqqqq", "<script>alert(1)</script>", "{{7*7}}"])
async def test_a_search_for_nothing(line: Telephone, words: str) -> None:
    async with line.console.client(OPERATOR) as client:
        answer = await client.get("/poste/recherche", params={"q": words})
        assert answer.status_code == 200
        assert "<script>" not in answer.text
        assert (await client.get("/poste/recherche", params={"q": "x" * 900})).status_code == 422


@pytest.mark.browser
async def test_an_operators_day_by_keyboard(line: Telephone, browser: Browser) -> None:
    line.exchange.done.clear()

    def now(state: str, call_id: str | None = None, reason: str = "") -> None:
        one = LiveOperator(EXTENSION, state, datetime.now(UTC), reason, call_id)
        line.board.people(People((one,)), datetime.now(UTC))

    now("free")
    async with browsing(browser, line.console, OPERATOR) as page:
        await page.wait_for_url("**/poste")
        await page.get_by_text("Disponible", exact=True).wait_for()
        await page.get_by_label("Pause", exact=True).focus()
        await page.keyboard.press("Home")  # letters typed slowly would be words of their own
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.get_by_text("C’est fait").wait_for()
        now("paused", reason="Repas")
        await page.get_by_text("En pause Repas").wait_for()
        await page.get_by_role("button", name="Je suis disponible").press("Enter")
        await page.get_by_text("C’est fait").wait_for()
        done = [(EXTENSION, Duty.PAUSE, "Repas"), (EXTENSION, Duty.READY, "")]
        assert line.exchange.done == done
        now("free")
        await expect(page.locator("[data-call='1.1'] > .line-of-call .said")).to_be_visible()
        note = page.get_by_label("Note").first
        await note.fill("Une note commencée")
        line.begins("5.5", "0687654321")
        line.turn("5.5", "heard", heard="un acte de naissance", entry="acte-naissance")
        now("ringing", "5.5")
        await page.get_by_role("heading", name="Appel du 06 87 65 43 21").wait_for(timeout=3000)
        assert "☎" in await page.title()
        now("talking", "5.5")
        await page.get_by_text("En conversation").wait_for()
        assert await page.locator("article[data-call='5.5']").count() == 1
        assert await page.locator("#note-1\\.1").input_value() == "Une note commencée"
        search = page.get_by_label("Question, service ou personne")
        await search.focus()
        await page.keyboard.type("passeport")
        await expect(page.locator("#results")).to_contain_text("passeport")
        assert await serious(page) == []
        await fits(page, "desk")
        line.ends("5.5")
        now("wrap-up")
        await page.get_by_text("Finit de traiter un appel").wait_for()
        await page.locator("#issue-1\\.1").select_option("À rappeler")
        await page.locator("#when-1\\.1").wait_for()
        await page.locator("#issue-1\\.1").select_option("Réglé")
        await page.locator("#when-1\\.1").wait_for(state="hidden")
        await page.locator("#note-1\\.1").press("Tab")
        await page.keyboard.press("Enter")
        await page.get_by_text("La note est enregistrée").wait_for()
        await page.get_by_role("link", name="Rappels").click()
        await page.get_by_role("button", name="Prendre le rappel 2221").press("Enter")
        await page.get_by_text("Ce rappel est à vous").wait_for()
        assert await serious(page) == []
        await fits(page, "callback")
        await page.get_by_label("À quand").fill("dès que possible")
        await page.keyboard.press("Enter")
        await page.get_by_text("Rappel 2221 :").wait_for()
        await page.get_by_label("Issue de l’appel").select_option("joint")
        await page.get_by_label("Note").fill("Tout est réglé")
        await page.get_by_role("button", name="Enregistrer").press("Enter")
        await page.get_by_text("C’est noté").wait_for()
        assert ((await callback(line, 1)).state, (await callback(line, 1)).note) == (
            "done", "Tout est réglé",
        )  # fmt: skip
        await page.get_by_role("link", name="Retour aux rappels").click()
        await page.get_by_role("heading", name="Rappels").wait_for()
        assert await serious(page) == []
        await fits(page, "callbacks")
