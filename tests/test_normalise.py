"""What callers say, brought to the words and sounds that carry meaning."""

import pytest
from rapidfuzz import fuzz

from ivr.nlu.normalise import core, plain, spoken_form, stem
from ivr.nlu.phonetic import sounds


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Euh… L'été, j'ai 16 ans", "l ete j ai seize ans"),
        ("ben euh voilà c'est pour un œuf", "c est pour un oeuf"),
        ("euh", ""),
        ("… ?!", ""),
        ("voilà", "voila"),
        ("quoi ?", "quoi"),
        ("\u200b  LA  MAIRIE\n", "la mairie"),
    ],
)
def test_plain(said: str, words: str) -> None:
    assert plain(said) == words


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Bonjour madame, je voudrais un passeport s'il vous plaît", "un passeport"),
        ("excusez-moi de vous déranger c'est pour la piscine", "c est pour la piscine"),
        ("merci", "merci"),
        ("bonjour", "bonjour"),
    ],
)
def test_core_leaves_out_politeness(said: str, words: str) -> None:
    assert core(said) == words


@pytest.mark.parametrize(
    ("one", "other"),
    [("inscription", "inscriptions"), ("poubelle", "poubelles"), ("renouveler", "renouvelé")],
)
def test_the_forms_of_a_word_have_one_stem(one: str, other: str) -> None:
    assert stem(plain(one)) == stem(plain(other))


def test_short_words_stay_whole() -> None:
    assert [stem(word) for word in ("rues", "bus", "eau", "pacs")] == ["rues", "bus", "eau", "pacs"]


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("déchétris", "déchetterie"),
        ("les oeufs d'ouverture", "les heures d'ouverture"),
        ("carte d'y dans titi", "carte d'identité"),
        ("ans combrants", "encombrants"),
        ("quand tine", "cantine"),
        ("les poux belles", "les poubelles"),
        ("kraiche", "crèche"),
    ],
)
def test_what_is_misspelt_sounds_alike(heard: str, meant: str) -> None:
    assert fuzz.partial_ratio(sounds(plain(heard)), sounds(plain(meant))) >= 85


def test_what_is_different_sounds_different() -> None:
    assert fuzz.partial_ratio(sounds("passeport"), sounds("bibliotheque")) < 60


def test_what_is_written_but_not_heard_is_left_out() -> None:
    assert spoken_form("Nan.") == "nan"
    assert spoken_form("Où est l'État-civil, s'il vous plaît ?") == (
        "où est l'état-civil  s'il vous plaît"
    )
