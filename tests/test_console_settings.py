"""Settings and people's data in the console: what nobody changed stays, faults change nothing."""

from __future__ import annotations

import html
import io
import re
import shutil
import zipfile
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import Browser

from ivr.calllog.tables import Call, Turn
from ivr.console.settings_pages import SECTIONS
from ivr.knowledge.load import load
from ivr.knowledge.settings_files import intervals
from ivr.settings import Settings
from ivr.testcaller.network import private_settings
from tests import console as harness
from tests.console import ADMIN, OPERATOR, ROOT, Client, Console, browsing, fits, serious

PAGES = (
    *("/reglages", "/reglages/horaires", "/reglages/horaires/mairie", "/reglages/annonces"),
    *("/reglages/modes", "/reglages/agents", "/reglages/agents/101", "/reglages/agents/nouveau"),
    *("/reglages/services", "/reglages/services/eau", "/reglages/voix", "/donnees"),
)


@pytest.fixture(scope="module")
async def town(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    """A console whose files these tests change."""
    root = tmp_path_factory.mktemp("settings")
    for name in ("knowledge", "voices"):
        shutil.copytree(ROOT / name, root / name)
    paths = {"knowledge": root / "knowledge", "voices": root / "voices"}
    settings = private_settings(root / "var", {"paths": paths})
    async with harness.console(root, settings) as running:
        yield running


@pytest.fixture(scope="module")
async def signed_in(town: Console) -> AsyncIterator[Client]:
    async with town.client(ADMIN) as client:
        yield client


@pytest.fixture
async def admin(town: Console, signed_in: Client) -> AsyncIterator[Client]:
    """An admin without a browser; the files are as in the repository again afterwards."""
    yield signed_in
    for name in ("hours.yaml", "operators.yaml", "departments.yaml"):
        if changed(town, name) != ([], []):  # else they need not be read again
            shutil.copy(ROOT / "knowledge" / name, town.settings.paths.knowledge / name)
    shutil.copy(ROOT / "voices" / "siwis.yaml", town.settings.paths.voices / "siwis.yaml")


async def seen(client: Client, page: str) -> str:
    """The version of the file that a page was made from."""
    found = re.search(r'name="vu" value="(\w+)"', (await client.get(page)).text)
    assert found
    return found[1]


def changed(town: Console, name: str) -> tuple[list[str], list[str]]:
    """The lines of a file that went and came, against the repository's."""
    before = (ROOT / "knowledge" / name).read_text().splitlines()
    after = (town.settings.paths.knowledge / name).read_text().splitlines()
    return [x for x in before if x not in after], [x for x in after if x not in before]


def plain(page: str) -> str:
    """A page's text, with plain spaces before its colons."""
    return html.unescape(page).replace("\xa0", " ")


WEEK = {
    "monday": "8h30-12h, 13h30 à 17h30",
    "tuesday": "08:30-12:00, 13:30-17:30",
    "wednesday": "08:30-12:00, 13:30-17:30",
    "thursday": "08:30-12:00, 13:30-17:30",
    "friday": "08:30-12:00",
    "saturday": "",
    "sunday": "",
}


async def test_pages_open_for_admins_alone(town: Console, admin: Client) -> None:
    async with town.client(OPERATOR) as operator:
        for path in PAGES:
            assert (await admin.get(path)).status_code == 200, path
            assert (await operator.get(path)).status_code == 403, path
        answer = await operator.post("/reglages/voix", {"vu": "x", "debit": "1", "volume": "-20"})
        assert answer.status_code == 403


async def test_no_line_of_a_page_begins_with_a_french_sign(admin: Client) -> None:
    for path in ("/reglages", "/reglages/annonces", "/a-apprendre", "/compte"):
        page = (await admin.get(path)).text
        assert re.findall(r"« .{20}|.{20} [:;?!»]", page) == []


async def test_a_schedule_tells_who_keeps_it(admin: Client) -> None:
    assert "la déchèterie" in (await admin.get("/reglages/horaires")).text
    assert "Celui de : la déchèterie des Grands-Prés." in plain(
        (await admin.get("/reglages/horaires/decheterie")).text
    )


async def test_hours_change_and_the_rest_of_the_file_does_not(town: Console, admin: Client) -> None:
    form = {"vu": await seen(admin, "/reglages/horaires/mairie"), **WEEK}
    assert (await admin.post("/reglages/horaires/mairie", form)).status_code == 303
    hours = load(town.settings.paths.knowledge).hours
    assert [len(day) for day in hours.schedules["mairie"].week()] == [2, 2, 2, 2, 1, 0, 0]
    assert len(hours.schedules["etat-civil"].week()[4]) == 2, "it had the same hours by an alias"
    gone, _ = changed(town, "hours.yaml")
    assert not [line for line in gone if line.lstrip().startswith("#")], "comments stay"
    journal = html.unescape((await admin.get("/journal")).text)
    assert "a modifié l'horaire mairie" in journal


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("le matin", "n'est pas une suite de plages horaires"),
        ("25:00-26:00", "une heure qui n'existe pas"),
        ("08:00-12:00, 11:00-13:00", "se chevauchent"),
        ("12:00-08:00", "finit avant de commencer"),
        ("{{ 7*7 }}<script>", "n'est pas une suite de plages horaires"),
    ],
)
async def test_hours_that_cannot_be_change_nothing(
    town: Console, admin: Client, day: str, said: str
) -> None:
    form = {"vu": await seen(admin, "/reglages/horaires/mairie"), **WEEK, "monday": day}
    answer = await admin.post("/reglages/horaires/mairie", form)
    assert answer.status_code == 422
    assert said in plain(answer.text)
    assert html.escape(day) in answer.text.replace("&#34;", "&quot;"), "what was typed is kept"
    assert changed(town, "hours.yaml") == ([], [])


async def test_a_file_saved_by_hand_meanwhile_is_not_overwritten(
    town: Console, admin: Client
) -> None:
    form = {"vu": await seen(admin, "/reglages/horaires/mairie"), **WEEK}
    file = town.settings.paths.knowledge / "hours.yaml"
    by_hand = file.read_text().replace('tuesday: ["08:30-12:00"', 'tuesday: ["08:00-12:00"')
    assert by_hand != file.read_text()
    file.write_text(by_hand)
    answer = await admin.post("/reglages/horaires/mairie", form)
    assert answer.status_code == 422
    assert "vient d'être modifié" in plain(answer.text)
    shown = plain(answer.text)
    assert 'name="tuesday" maxlength="200" value="08:00-12:00, ' in shown, "as it is now"
    assert "Vous aviez tapé" in shown
    assert "<dd>8h30-12h, 13h30 à 17h30</dd>" in shown
    assert file.read_text() == by_hand


async def test_closures_come_and_go(town: Console, admin: Client) -> None:
    form = {
        "vu": await seen(admin, "/reglages/horaires"),
        "debut": "2027-01-04",
        "fin": "2027-01-05",
        "texte": "l'inventaire: l'été & l'hiver",
        "horaires": ["mairie", "ccas"],
    }
    assert (await admin.post("/reglages/fermetures/ajouter", form)).status_code == 303
    closures = load(town.settings.paths.knowledge).hours.closures
    assert closures[-1].reason == "l'inventaire: l'été & l'hiver"
    assert closures[-1].schedules == ("mairie", "ccas")
    gone, came = changed(town, "hours.yaml")
    assert (gone, len(came)) == ([], 1)
    page = await admin.get("/reglages/horaires")
    assert "l&#39;été &amp; l&#39;hiver" in page.text
    again = await admin.post("/reglages/fermetures/ajouter", form)
    assert again.status_code == 422, "a double click finds the file changed"
    number = len(closures) - 1
    form = {"vu": await seen(admin, "/reglages/horaires")}
    assert (await admin.post(f"/reglages/fermetures/{number}/retirer", form)).status_code == 303
    assert changed(town, "hours.yaml") == ([], [])


async def test_an_announcement_is_said_while_it_is_valid(town: Console, admin: Client) -> None:
    form = {
        "vu": await seen(admin, "/reglages/annonces"),
        "debut": "2026-01-01T09:00",
        "fin": "2026-01-01T16:00",
        "texte": "Exceptionnellement, la mairie ferme à 16 heures aujourd'hui",
    }
    assert (await admin.post("/reglages/annonces/ajouter", form)).status_code == 303
    hours = load(town.settings.paths.knowledge).hours
    during = datetime(2026, 1, 1, 14, 59, tzinfo=UTC)  # 15:59 in Paris
    assert hours.announced(during) == [form["texte"] + "."]
    assert hours.announced(during + timedelta(minutes=1)) == []
    page = await admin.get("/reglages/annonces")
    assert "terminée" in page.text
    today = datetime.now(hours.zone)
    assert f'name="debut" type="datetime-local" required value="{today:%Y-%m-%d}T' in page.text


@pytest.mark.parametrize(
    ("kind", "field", "value", "beside", "told"),
    [
        ("annonces", "fin", "2025-01-01T16:00", "", "la fin doit venir après le début"),
        ("annonces", "fin", "", "fin", "n'est pas un moment"),
        ("annonces", "texte", "Fermé <b>demain</b>", "texte", "dit tel quel"),
        ("annonces", "texte", "Fermé {{ town.name }}", "texte", "retirez « {{ »"),
        ("annonces", "texte", "{% for a in b %}", "texte", "retirez « {% »"),
        ("annonces", "texte", "Fermé. " * 100, "texte", "trop long : 300 caractères au plus"),
        ("annonces", "texte", " ", "texte", "c'est vide"),
        ("fermetures", "texte", "<script>", "texte", "retirez « < »"),
        ("fermetures", "heures", "9h-12h, 14h-17h", "heures", "faites-en deux"),
        ("fermetures", "heures", "le soir", "heures", "n'est pas une suite de plages"),
        ("fermetures", "debut", "demain", "debut", "une date était attendue"),
        ("ouvertures", "heures", "", "heures", "c'est vide"),
    ],
)
async def test_a_line_that_cannot_be_is_told_and_kept_in_the_form(
    town: Console, admin: Client, kind: str, field: str, value: str, beside: str, told: str
) -> None:
    page = "/reglages/annonces" if kind == "annonces" else "/reglages/horaires"
    form = {
        "vu": await seen(admin, page), "debut": "2026-01-01", "fin": "2026-01-02",
        "texte": "Exceptionnellement fermé", "heures": "" if kind != "ouvertures" else "9h-12h",
        field: value,
    }  # fmt: skip
    answer = await admin.post(f"/reglages/{kind}/ajouter", form)
    assert answer.status_code == 422
    shown = plain(answer.text)
    place = rf'<div class="wrong" id="w-{beside}">(.*?)</div>' if beside else "(.*)"
    found = re.search(place, shown, re.DOTALL)
    assert found, shown
    assert told in found[1]
    assert value.strip() in shown, "what was typed is kept"
    assert "<script>" not in answer.text
    assert changed(town, "hours.yaml") == ([], [])


async def test_modes_are_written_in_their_order(town: Console, admin: Client) -> None:
    form = {
        "vu": await seen(admin, "/reglages/modes"),
        "mode-0": "machine-alone",
        "jours-0": ["saturday", "sunday", "holiday", "closure"],
        "mode-1": "operators-first",
        "heures-1": "9h-12h",
        "sinon": "machine-first",
    }
    assert (await admin.post("/reglages/modes", form)).status_code == 303
    modes = load(town.settings.paths.knowledge).hours.modes
    said = [one.mode.value for one in modes]
    assert said == ["machine-alone", "operators-first", "machine-first"]
    seen_now = await seen(admin, "/reglages/modes")
    form = {"vu": seen_now, "mode-0": "nobody", "sinon": "machine-first", "heures-0": "9h-12h"}
    assert "« nobody » n'est pas possible" in plain(
        (await admin.post("/reglages/modes", form)).text
    )
    form = {
        "vu": seen_now, "mode-0": "machine-alone", "jours-0": ["saturday"],
        "mode-1": "", "heures-1": "9h-12h",  # is taken away
        "sinon": "machine-first", "mode-2": "", "jours-2": ["monday"],
    }  # fmt: skip
    half = await admin.post("/reglages/modes", form)
    assert half.status_code == 422
    assert "Dites qui répond" in plain(half.text)
    assert 'name="jours-1" value="monday" checked' in half.text, "what was typed is kept"
    assert (await admin.post("/reglages/modes", {**form, "jours-2": []})).status_code == 303
    modes = load(town.settings.paths.knowledge).hours.modes
    assert [one.mode.value for one in modes] == ["machine-alone", "machine-first"]


async def test_operators_change_and_must_know_their_departments(
    town: Console, admin: Client
) -> None:
    form = {
        "vu": await seen(admin, "/reglages/agents/nouveau"),
        "nom": "Anne O'Brien",
        "poste": "107",
        "services": ["accueil", "ccas"],
    }
    assert (await admin.post("/reglages/agents/nouveau", form)).status_code == 303
    known = {one.extension: one for one in load(town.settings.paths.knowledge).operators}
    assert known["107"].departments == ("accueil", "ccas")
    form = {"vu": await seen(admin, "/reglages/agents/107"), "nom": "Anne", "services": ["mars"]}
    answer = await admin.post("/reglages/agents/107", form)
    assert answer.status_code == 422
    assert "mars" in answer.text
    form = {"vu": await seen(admin, "/reglages/agents"), "traitement": "30 s"}
    answer = await admin.post("/reglages/agents", form)
    assert (answer.status_code, 'value="30 s"' in answer.text) == (422, True)
    assert "un nombre entier était attendu" in plain(answer.text)
    form["traitement"] = "601"
    answer = await admin.post("/reglages/agents", form)
    assert "le nombre est trop grand" in plain(answer.text)
    form["traitement"] = " 30 "
    assert (await admin.post("/reglages/agents", form)).status_code == 303
    assert load(town.settings.paths.knowledge).wrap_up == 30
    form = {"vu": await seen(admin, "/reglages/agents"), "traitement": "5"}
    assert (await admin.post("/reglages/agents", form)).status_code == 303
    form = {"vu": await seen(admin, "/reglages/agents")}
    assert (await admin.post("/reglages/agents/107/retirer", form)).status_code == 303
    assert changed(town, "operators.yaml") == ([], [])


async def test_who_rings_first_and_when_is_set_and_unset(town: Console, admin: Client) -> None:
    path = "/reglages/agents/102"
    form = {
        "nom": "Julien Caron",
        "services": ["accueil", "etat-civil", "education"],
        "rang-accueil": "backup",
        "rang-etat-civil": "expert",
        "rang-education": "normal",
        "rang-ccas": "expert",  # of a department that is not ticked
        "monday": "8h30-12h, 13h30-17h",
        "friday": "8h30-12h",
    }
    answer = await admin.post(path, {"vu": await seen(admin, path), **form})
    assert answer.status_code == 303
    [julien] = [o for o in load(town.settings.paths.knowledge).operators if o.extension == "102"]
    assert julien.skills == {"accueil": "backup", "etat-civil": "expert"}
    assert julien.shifts is not None
    assert [len(day) for day in julien.shifts.week()] == [2, 0, 0, 0, 1, 0, 0]
    page = (await admin.get(path)).text
    assert 'value="08:30-12:00, 13:30-17:00"' in page
    assert re.search(r'name="rang-accueil".*?value="backup" selected', page, re.DOTALL)
    again = await admin.post(path, {"vu": await seen(admin, path), **form})
    assert again.status_code == 303
    gone, came = changed(town, "operators.yaml")
    assert (len(gone), len(came)) == (1, 1), "the others are as they were"
    without = {**form, "rang-accueil": "normal", "rang-etat-civil": "normal"}
    without |= {"vu": await seen(admin, path), "monday": "", "friday": ""}
    assert (await admin.post(path, without)).status_code == 303
    assert changed(town, "operators.yaml") == ([], [])


@pytest.mark.parametrize(
    ("path", "field", "value", "told"),
    [
        ("/reglages/agents/102", "monday", "{{ 7*7 }}<b>", "n'est pas une suite de plages"),
        ("/reglages/agents/102", "monday", "9h-12h, 11h-14h", "se chevauchent"),
        ("/reglages/agents/102", "rang-accueil", "chef", "« chef » n'est pas possible"),
        ("/reglages/agents/102", "nom", "Martine Dubois", "est déjà écrit"),
        ("/reglages/agents/102", "nom", " ", "est vide"),
        ("/reglages/agents/nouveau", "poste", "12a", "n'est pas un numéro de poste"),
        ("/reglages/agents/nouveau", "poste", "101", "est déjà celui de"),
        ("/reglages/services/eau", "exterieur", "0899123456", "surtaxé"),
        ("/reglages/services/eau", "exterieur", "{{ x }}", "pas un numéro de téléphone"),
        ("/reglages/services/eau", "telephone", "12", "pas un numéro de téléphone"),
        ("/reglages/services/eau", "horaire", "jamais", "n'existe pas dans hours.yaml"),
        ("/reglages/services/eau", "releve", "mars", "le service « mars » n'existe pas"),
        ("/reglages/services/eau", "nom", "", "est vide"),
        ("/reglages/services/eau", "synonymes", "police", "désigne déjà « police-municipale »"),
    ],
)
async def test_what_is_wrong_is_told_beside_its_field(
    town: Console, admin: Client, path: str, field: str, value: str, told: str
) -> None:
    form = {
        "nom": "Julien Caron", "poste": "107", "services": ["accueil"], "horaire": "mairie",
        "rang-accueil": "normal", "vu": await seen(admin, path), field: value,
    }  # fmt: skip
    if path.endswith("nouveau"):
        form["nom"] = "Anne"
    answer = await admin.post(path, form)
    assert answer.status_code == 422
    beside = "rangs" if field.startswith("rang") else field
    found = re.search(rf'<div class="wrong" id="w-{beside}">(.*?)</div>', answer.text, re.DOTALL)
    assert found, answer.text
    assert told in plain(found[1])
    assert changed(town, "operators.yaml") == changed(town, "departments.yaml") == ([], [])


async def test_a_department_is_reached_and_relieved_otherwise(town: Console, admin: Client) -> None:
    path = "/reglages/services/eau"
    before = load(town.settings.paths.knowledge).departments["eau"]
    form = {
        "vu": await seen(admin, path),
        "nom": before.name,
        "synonymes": "\r\n".join([*before.synonyms, "la régie"]),
        "adresse": before.address,
        "telephone": before.phone or "",
        "horaire": before.schedule,
        "releve": "voirie",
        "exterieur": "02 32 44 55 66",
    }
    assert (await admin.post(path, form)).status_code == 303
    after = load(town.settings.paths.knowledge).departments["eau"]
    assert (after.overflow, after.outside) == ("voirie", "02 32 44 55 66")
    assert after.synonyms == (*before.synonyms, "la régie")
    gone, _ = changed(town, "departments.yaml")
    assert len(gone) <= 1, "nothing else has changed"
    back = {**form, "vu": await seen(admin, path), "releve": "", "exterieur": ""}
    back["synonymes"] = "\n".join(before.synonyms)
    assert (await admin.post(path, back)).status_code == 303
    assert changed(town, "departments.yaml") == ([], [])


async def test_pace_of_the_voice(town: Console, admin: Client) -> None:
    form = {"vu": await seen(admin, "/reglages/voix"), "debit": "0,9", "volume": "-20"}
    assert (await admin.post("/reglages/voix", form)).status_code == 303
    written = (town.settings.paths.voices / "siwis.yaml").read_text()
    assert "pace: 0.9        # le débit" in written
    assert "loudness: -20    #" in written
    assert 'value="0,9"' in (await admin.get("/reglages/voix")).text, "as it was typed"
    form = {"vu": await seen(admin, "/reglages/voix"), "debit": "vite", "volume": "-99"}
    answer = await admin.post("/reglages/voix", form)
    assert answer.status_code == 422
    assert '<div class="wrong" id="w-debit"><p>un nombre était attendu' in answer.text
    assert 'value="vite" aria-invalid="true"' in answer.text
    answer = await admin.post("/reglages/voix", {**form, "debit": "3", "volume": "-99"})
    assert '<div class="wrong" id="w-debit"><p>le nombre est trop grand' in answer.text
    assert '<div class="wrong" id="w-volume"><p>le nombre est trop petit' in answer.text
    assert "siwis.yaml:" not in answer.text, "where it is in the file says nothing to them"
    assert (town.settings.paths.voices / "siwis.yaml").read_text() == written


async def test_other_settings_are_shown_without_their_secrets(admin: Client) -> None:
    page = (await admin.get("/reglages")).text
    assert "trunk.password" in page
    assert set(Settings.model_fields) == set(SECTIONS), "each has a name"
    assert "sip.port" in page
    assert "valeur par défaut" in page


async def test_people_s_data_are_handed_out_and_forgotten(town: Console, admin: Client) -> None:
    at = datetime.now(UTC)
    call = Call(id="9.1", caller_number="+33612345678", started_at=at, ended_at=at)
    call.turns.append(Turn(number=1, at=at, happened="heard", heard="je cherche <b>la piscine"))
    await town.parts.database.run(lambda session: session.add(call))
    found = await admin.post("/donnees", {"numero": "06 12 34 56 78"})
    assert "<li>1 appel</li>" in found.text
    unreadable = await admin.post("/donnees", {"numero": "abc"})
    assert "Ce n'est pas un numéro de téléphone" in html.unescape(unreadable.text)
    archive = await admin.post("/donnees/export", {"numero": "0612345678"})
    names = zipfile.ZipFile(io.BytesIO(archive.content)).namelist()
    assert names
    unsure = await admin.post("/donnees/effacement", {"numero": "0612345678"})
    assert "cochez la case" in unsure.text
    sure = {"numero": "0612345678", "accord": "oui"}
    assert (await admin.post("/donnees/effacement", sure)).status_code == 303
    again = await admin.post("/donnees", {"numero": "0612345678"})
    assert "Aucune donnée" in again.text
    journal = (await admin.get("/journal")).text
    assert "06 •• •• •• 78" in journal
    assert "06 12 34 56 78" not in journal
    wrong = await admin.post("/donnees", {"numero": "<script>"})
    assert wrong.status_code == 422
    assert "un numéro de téléphone" in wrong.text


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("", []),
        ("8h-12h", ["08:00-12:00"]),
        ("08:30 - 12:00 et 13h30 à 17 h 30", ["08:30-12:00", "13:30-17:30"]),
    ],
)
def test_hours_as_people_type_them(typed: str, read: list[str]) -> None:
    assert intervals(typed) == read


@pytest.mark.browser
async def test_an_admin_announces_an_early_closing(town: Console, browser: Browser) -> None:
    async with browsing(browser, town, ADMIN) as page:
        for path in PAGES:
            await page.goto(path)
            assert await serious(page) == [], path
            await fits(page, path.strip("/").replace("/", "-"))
        await page.set_viewport_size({"width": 1440, "height": 1000})
        await page.goto("/reglages")
        await page.get_by_role("link", name="Annonces exceptionnelles").click()
        await page.get_by_label("Texte").fill("Exceptionnellement, la mairie ferme à 16 heures.")
        today = datetime.now(town.parts.store.current.hours.zone)
        await page.get_by_label("Du", exact=True).fill(f"{today:%Y-%m-%dT00:00}")
        await page.get_by_label("Jusqu'au").fill(f"{today + timedelta(days=1):%Y-%m-%dT00:00}")
        await page.get_by_role("button", name="Ajouter").click()
        await page.get_by_text("C'est enregistré.").wait_for()
    hours = load(town.settings.paths.knowledge).hours
    assert hours.announced(datetime.now(UTC))[-1].startswith("Exceptionnellement")
