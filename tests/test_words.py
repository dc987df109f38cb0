"""Small words that callers say at any moment, and sentences in which they change their mind."""

from __future__ import annotations

import pytest

from ivr.dialogue import words
from ivr.nlu.parts import meant


@pytest.mark.parametrize(
    "text",
    [
        "Attendez, je note.",
        "attendez je prends un stylo",
        "deux secondes",
        "Oui, une petite minute s'il vous plaît !",
        "ne quittez pas",
        "laissez-moi le temps de noter",
        "un instant, il faut que je cherche mes lunettes",
        "je prends de quoi écrire",
        "attends euh je vais chercher mon agenda",
        "hold on, let me find a pen",
    ],
)
def test_who_needs_a_moment_is_understood(text: str) -> None:
    assert words.pauses(text)


@pytest.mark.parametrize(
    "text",
    [
        "je note mal, vous pouvez répéter",
        "attendez je prends un stylo voilà redites-le-moi",
        "j'attends ma carte d'identité depuis deux mois",
        "je cherche une place en crèche",
        "attendez, j'ai une autre question",
        "il faut attendre combien de temps",
        "deux passeports",
    ],
)
def test_who_asks_for_something_needs_no_moment(text: str) -> None:
    assert not words.pauses(text)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("le premier", 1),
        ("plutôt la deuxième s'il vous plaît", 2),
        ("un", 1),
        ("le numéro deux", 2),
        ("1", 1),
        ("non je veux un acte de naissance", None),
        ("pour mes deux enfants", None),
    ],
)
def test_a_choice_by_its_place(text: str, place: int | None) -> None:
    assert words.choice(text) == place


def test_a_choice_by_a_word_that_only_one_has() -> None:
    nouns = ("une carte d'identité", "un passeport")
    assert words.named("la carte", nouns) == 0
    assert words.named("le passeport plutôt", nouns) == 1
    assert words.named("la carte et le passeport", nouns) is None
    assert words.named("la carte", ("une carte d'identité", "une carte de bus")) is None


@pytest.mark.parametrize("text", ["Merci.", "merci beaucoup madame", "oui merci bien", "thank you"])
def test_thanks_alone(text: str) -> None:
    assert words.thanks(text)
    assert not words.thanks(text + " au revoir")


@pytest.mark.parametrize(
    ("text", "introduces"),
    [
        ("Bonjour, c'est Monsieur Martin.", True),
        ("allô oui ici madame Lemaire à l'appareil", True),
        ("je m'appelle Jeanne Petit", True),
        ("c'est madame Lefèvre s'il vous plaît", False),
        ("je suis madame Petit et je voudrais un passeport", False),
    ],
)
def test_who_says_their_name(text: str, introduces: bool) -> None:
    assert words.introduces(text) is introduces


@pytest.mark.parametrize(
    ("text", "end"),
    [
        ("la piscine, non pardon, la bibliothèque", "la bibliothèque"),
        ("un passeport enfin non une carte d'identité", "une carte d'identité"),
        ("la piscine ou plutôt la médiathèque", "la médiathèque"),
        ("un acte de mariage, non, de naissance", "un acte de naissance"),
        ("c'est pas pour un passeport, c'est pour une carte", "pour une carte"),
        ("the pool, no sorry, the library", "the library"),
        ("je voudrais un passeport", None),
        ("non je veux un passeport", None),
        ("je ne sais pas si c'est gratuit ou non le dimanche", None),
        ("c'est ouvert, non", None),
    ],
)
def test_a_mind_changed_within_a_sentence(text: str, end: str | None) -> None:
    assert meant(text) == end


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ("cinq", 5),
        ("4.", 4),
        ("je mets un quatre", 4),
        ("cinq sur cinq", 5),
        ("un sur cinq", 1),
        ("four out of five", 4),
        ("2 à 5", None),
        ("dix", None),
        ("très satisfait", None),
    ],
)
def test_marks(said: str, mark: int | None) -> None:
    assert words.rating(said) == mark
