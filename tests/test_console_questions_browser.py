"""An admin's path through the questions in a real browser, with a mouse and with keys alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, async_playwright

from tests.console import (
    ADMIN,
    CHROMIUM,
    FLAGS,
    PASSWORD,
    Console,
    browsing,
    fits,
    serious,
)
from tests.test_console_questions import eventually

pytestmark = pytest.mark.browser
PATH = "/questions/fr/marche"


async def checked(page: Page, text: str = "Tout est en ordre") -> None:
    """The server has looked at what is typed."""
    await page.locator("#verdict").get_by_text(text).first.wait_for()


async def test_an_admin_changes_an_answer_reads_its_history_and_takes_it_back(
    console: Console, browser: Browser
) -> None:
    async with browsing(browser, console, ADMIN) as page:
        await page.goto("/questions")
        await page.get_by_label("Chercher").fill("marché")
        await page.get_by_role("link", name="Marchés de la ville").click()
        answer = page.get_by_label("Réponse (obligatoire)")
        before = await answer.input_value()
        await checked(page)
        await answer.fill("Le marché est le jeudi. {{ town.maire_inconnu }}")
        await page.locator("#w-answer").get_by_text("n'existe pas").wait_for()
        assert await answer.get_attribute("aria-invalid") == "true"
        await answer.fill("Le marché a lieu le jeudi à 8 h 30, place du Puits.")
        await checked(page, "huit heures trente")
        await page.get_by_role("button", name="Enregistrer et mettre en service").click()
        await page.get_by_text("Enregistré. Les appels").wait_for()
        store = console.parts.store
        await eventually(lambda: "place du Puits" in store.current.answer("marche"))
        await page.get_by_role("link", name="Historique").click()
        await page.locator("ins").filter(has_text="Puits").wait_for()
        await page.get_by_role("button", name="Annuler cette modification").first.click()
        await page.get_by_text("Modification annulée").wait_for()
        await page.goto(PATH)
        assert await page.get_by_label("Réponse (obligatoire)").input_value() == before


async def tab_to(page: Page, selector: str) -> None:
    """Go on with the tab key until it is reached."""
    for _ in range(120):
        await page.keyboard.press("Tab")
        if await page.evaluate("s => document.activeElement.matches(s)", selector):
            return
    raise AssertionError(f"{selector} is not reached by the tab key")


async def test_keys_alone_are_enough(console: Console, browser: Browser) -> None:
    async with browsing(browser, console, ADMIN) as page:
        await page.goto("/questions")
        await tab_to(page, "a[href='/questions/fr/marche']")
        await page.keyboard.press("Enter")
        await page.wait_for_url(f"**{PATH}")
        await tab_to(page, "#f-title")
        await page.keyboard.press("End")
        await page.keyboard.type(" du samedi")
        await tab_to(page, "#add-suite")
        await page.keyboard.press("Enter")
        assert await page.evaluate("document.activeElement.name") == "suite_id"
        await page.keyboard.type("parking")
        await tab_to(page, "#save")
        await page.keyboard.press("Enter")
        await page.get_by_text("Rien n'a été enregistré.").wait_for()
        assert await page.evaluate("document.activeElement.id") == "save-fault"
        await tab_to(page, "#suites fieldset:last-child .remove-suite")  # it was left half empty
        await page.keyboard.press("Enter")
        await tab_to(page, "#save")
        await page.keyboard.press("Enter")
        await page.get_by_text("Enregistré. Les appels").wait_for()
        store = console.parts.store
        await eventually(lambda: store.current.entries["marche"].title.endswith("du samedi"))


async def test_what_was_typed_survives_an_expired_session(
    console: Console, browser: Browser
) -> None:
    async with browsing(browser, console, ADMIN) as page:
        await page.goto(PATH)
        await checked(page)
        await page.context.clear_cookies()
        await page.get_by_label("Réponse (obligatoire)").fill("Un texte que je veux garder.")
        await page.get_by_role("button", name="Enregistrer et mettre en service").click()
        await page.locator("#messages").get_by_text("pour vous reconnecter").wait_for()
        await page.goto(PATH)  # which sends to the sign-in page, and back
        await page.get_by_label("Identifiant").fill(ADMIN)
        await page.get_by_label("Mot de passe").fill(PASSWORD)
        await page.get_by_role("button", name="Se connecter").click()
        await page.wait_for_url(f"**{PATH}")
        await page.get_by_role("button", name="Le reprendre").click()
        answer = page.get_by_label("Réponse (obligatoire)")
        assert await answer.input_value() == "Un texte que je veux garder."
        await checked(page, "Un texte que je veux garder")


async def test_two_people_choose_field_by_field(console: Console, browser: Browser) -> None:
    async with (
        browsing(browser, console, ADMIN) as first,
        browsing(browser, console, ADMIN) as second,
    ):
        for page in (first, second):
            await page.goto("/questions/fr/piscine")
        for page, offer in ((first, "Du premier ?"), (second, "Du second ?")):
            await page.get_by_label("Proposition après la réponse").fill(offer)
            await page.get_by_role("button", name="Enregistrer et mettre en service").click()
            if page is first:
                await page.get_by_text("Enregistré. Les appels").wait_for()
        await second.get_by_text("Deux personnes ont modifié").wait_for()
        assert await serious(second) == []
        await second.get_by_label("Garder la version enregistrée").check()
        await second.get_by_role("button", name="Enregistrer ce choix").click()
        await second.get_by_text("Rien n'avait changé").wait_for()
        kept = second.get_by_label("Proposition après la réponse")
        assert await kept.input_value() == "Du premier ?"


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("questions", "/questions"),
        ("question", "/questions/fr/acte-naissance"),
        ("question-new", "/questions/nouvelle"),
        ("question-remove", "/questions/fr/acte-naissance/supprimer"),
        ("question-history", "/questions/historique"),
        ("learning", "/a-apprendre"),
    ],
)
async def test_pages_are_accessible_and_fit_every_screen(
    console: Console, browser: Browser, name: str, path: str
) -> None:
    async with browsing(browser, console, ADMIN) as page:
        await page.goto(path)
        if name == "question":
            await checked(page)
        assert await serious(page) == []
        await fits(page, name)


@pytest.mark.speech
async def test_an_answer_is_heard_and_a_sentence_spoken_into_the_microphone(
    console: Console, browser: Browser, tmp_path: Path
) -> None:
    async with browsing(browser, console, ADMIN) as page:
        await page.goto(PATH)
        answer = page.get_by_label("Réponse (obligatoire)")
        await answer.fill("Bonjour, quel jour a lieu le marché, s'il vous plaît ?")
        await page.get_by_label("Proposition après la réponse").fill("")
        await page.get_by_role("button", name="Écouter").click()
        await page.locator("#listening").get_by_text("Chargement").wait_for()
        audio = page.locator("#listening audio")
        await audio.wait_for(timeout=120_000)
        await page.wait_for_function("document.querySelector('audio').duration > 1.5")
        seconds = await page.evaluate("document.querySelector('audio').duration")
        sound = await page.request.get(str(await audio.get_attribute("src")))
        (tmp_path / "said.wav").write_bytes(await sound.body())
        await page.get_by_label("Une phrase, comme la dirait").fill("c'est quand le marché")
        await page.get_by_role("button", name="Essayer").click()
        await page.locator("#tried").get_by_text("Répond tout de suite").wait_for(timeout=120_000)
    microphone = [
        *("--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"),
        f"--use-file-for-fake-audio-capture={tmp_path}/said.wav%noloop",
    ]
    async with async_playwright() as playwright:
        speaking = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*FLAGS, *microphone]
        )
        async with browsing(speaking, console, ADMIN) as page:
            await page.goto(PATH)
            await page.get_by_role("button", name="Parler").click()
            await page.get_by_text("Parlez…").wait_for()
            await page.wait_for_timeout(1000 * seconds + 500)  # as long as it takes to say it
            await page.get_by_role("button", name="Arrêter").click()
            await page.locator("#tried").get_by_text("Entendu").wait_for(timeout=120_000)
            assert "marché" in await page.locator("#tried").inner_text()
        await speaking.close()
