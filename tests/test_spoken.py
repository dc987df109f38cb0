"""What a French person says for what is written."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ivr.speech.spoken import digits_spoken, sentences, spoken
from ivr.speech.spoken_numbers import cardinal, ordinal, roman

PHONE = "zéro un, vingt-trois, quarante-cinq, soixante-sept, quatre-vingt-neuf"

HOURS = """
14 h 30 → quatorze heures trente
12 h → midi
0 h → minuit
12 h 30 → midi trente
21 h → vingt et une heures
1 h → une heure
20h00 → vingt heures
14:30 → quatorze heures trente
9h05 → neuf heures cinq
14 h. 30 → quatorze heures trente
8h-12h → de huit heures à midi
8-12h → de huit heures à midi
8h30/12h → de huit heures trente à midi
8h – 12h → de huit heures à midi
de 8h-12h → de huit heures à midi
de 8h à 12h → de huit heures à midi
de 1 h à 2 h → d'une heure à deux heures
entre 8h-12h → entre huit heures et midi
8h30-12h et 13h30-17h → de huit heures trente à midi et de treize heures trente à dix-sept heures
9h-12h / 14h-17h → de neuf heures à midi et de quatorze heures à dix-sept heures
mardi 9h-12h, 14h-17h30 → mardi de neuf heures à midi et de quatorze heures à dix-sept heures trente
24h/24 et 7j/7 → vingt-quatre heures sur vingt-quatre et sept jours sur sept
1/2 h → une demi-heure
une 1/2 heure → une demi-heure
14h30min → quatorze heures trente
sous 12 h → sous douze heures
sous 24 h → sous vingt-quatre heures
48 h → quarante-huit heures
72h → soixante-douze heures
12 heures 30 → douze heures trente
à 14 h. Merci → à quatorze heures. Merci
vendredi 16h. → vendredi seize heures.
jusqu'à 17 h 30. → jusqu'à dix-sept heures trente.
"""

DATES = """
le 1er mai 2026 → le premier mai deux mille vingt-six
1 mai → premier mai
le 11 novembre 1918 → le onze novembre mille neuf cent dix-huit
11/11/2026 → onze novembre deux mille vingt-six
01.02.2026 → premier février deux mille vingt-six
03/05/26 → trois mai deux mille vingt-six
2026-05-01 → premier mai deux mille vingt-six
les 25/12 et 31/12 → les vingt-cinq décembre et trente et un décembre
le 11/11 → le onze novembre
le 01/05 et le 08/05 → le premier mai et le huit mai
lundi 3 → lundi trois
lundi 1er juin → lundi premier juin
lundi 1 → lundi premier
du 1er au 15 août → du premier au quinze août
du 1 au 15 août → du premier au quinze août
année 2026-2027 → année deux mille vingt-six, deux mille vingt-sept
le 3 févr. à midi → le trois février à midi
"""

MONEY = """
12,50 € → douze euros cinquante
12.50€ → douze euros cinquante
12€50 → douze euros cinquante
12,5 € → douze euros cinquante
1 € → un euro
0 € → zéro euro
0,50 € → cinquante centimes
0,05 € → cinq centimes
1,01 € → un euro un
21 € → vingt et un euros
80 € → quatre-vingts euros
200 € → deux cents euros
1 234,56 € → mille deux cent trente-quatre euros cinquante-six
10.000 € → dix mille euros
1 000 000 € → un million d'euros
2 M€ → deux millions d'euros
86 euros → quatre-vingt-six euros
10-15 € → dix à quinze euros
2,50 €/m³ → deux euros cinquante par mètre cube
3 €/mois → trois euros par mois
800 €/an → huit cents euros par an
50 cts → cinquante centimes
€5 → cinq euros
£1 → une livre
"""

PHONES = f"""
01 23 45 67 89 → {PHONE}
0123456789 → {PHONE}
01.23.45.67.89 → {PHONE}
01-23-45-67-89 → {PHONE}
+33 1 23 45 67 89 → {PHONE}
+33(0)1 23 45 67 89 → {PHONE}
0033 1 23 45 67 89 → {PHONE}
Tél. : 01 23 45 67 89. → Téléphone : {PHONE}.
0 800 123 456 → zéro huit cents, cent vingt-trois, quatre cent cinquante-six
0800 123 456 → zéro huit cents, cent vingt-trois, quatre cent cinquante-six
0 806 00 12 34 → zéro huit cent six, zéro zéro, douze, trente-quatre
le 3919 → le trente-neuf dix-neuf
3919 → trente-neuf dix-neuf
appelez le 3620 → appelez le trente-six vingt
le 15, le 17, le 18 ou le 112 → le quinze, le dix-sept, le dix-huit ou le cent douze
le 115 → le cent quinze
116 117 → cent seize, cent dix-sept
+32 2 123 45 67 → plus trente-deux, vingt et un, vingt-trois, quarante-cinq, soixante-sept
"""

RANKS = """
1er → premier
1re → première
la 1ère fois → la première fois
2e → deuxième
2ème → deuxième
2nd → second
2nde → seconde
3es → troisièmes
5e → cinquième
9e → neuvième
21e → vingt et unième
80e → quatre-vingtième
XXIe siècle → vingt et unième siècle
le XIXe → le dix-neuvième
François Ier → François premier
Henri IV → Henri quatre
place Jean XXIII → place Jean vingt-trois
la 6e et la 5ème → la sixième et la cinquième
"""

MEASURES = """
10 % → dix pour cent
2,5 % → deux virgule cinq pour cent
2,05 → deux virgule zéro cinq
12 m² → douze mètres carrés
1 m2 → un mètre carré
21 m3 → vingt et un mètres cubes
1,50 m → un mètre cinquante
3,5 km → trois virgule cinq kilomètres
50 km/h → cinquante kilomètres à l'heure
5 kg → cinq kilos
21 t → vingt et une tonnes
30 cm → trente centimètres
20 °C → vingt degrés
-5 °C → moins cinq degrés
35 min → trente-cinq minutes
21 min → vingt et une minutes
21 personnes → vingt et une personnes
1 page → une page
31 places → trente et une places
101 attestations → cent une attestations
21 ans → vingt et un ans
21 jours → vingt et un jours
3-11 ans → trois à onze ans
½ journée → une demi-journée
la 1/2 journée → la demi-journée
3/4 → trois quarts
12/20 → douze sur vingt
4 000 habitants → quatre mille habitants
80 000 → quatre-vingt mille
007 → zéro zéro sept
2 x 3 → deux fois trois
2x/semaine → deux fois par semaine
2 fois/mois → deux fois par mois
35 x 45 mm → trente-cinq sur quarante-cinq millimètres
le prix au m² → le prix au mètre carré
les +18 ans → les plus de dix-huit ans
"""

WORDS = """
Mme Dupont et M. Martin → madame Dupont et monsieur Martin
M. le maire → monsieur le maire
M. et Mme Roy → monsieur et madame Roy
M./Mme → monsieur ou madame
MM. Durand et Petit → messieurs Durand et Petit
Mlle Rose → mademoiselle Rose
Dr House → docteur House
Dr. House → docteur House
Mlle. Rose → mademoiselle Rose
8, av. du Gal de Gaulle → huit, avenue du Général de Gaulle
place du Mal-Foch → place du Maréchal-Foch
Me Durand → maître Durand
n° 12 → numéro douze
n°12 → numéro douze
N° 3 → numéro trois
12 av. de la Gare → douze avenue de la Gare
3 bd Foch → trois boulevard Foch
bld Foch → boulevard Foch
pl. de l'Église → place de l'Église
4 r. de la Paix → quatre rue de la Paix
12bis r. des Lilas → douze bis rue des Lilas
12 bis, rue de la Paix → douze bis, rue de la Paix
St-Pierre et Ste Anne → Saint-Pierre et Sainte Anne
apt 3 → appartement trois
27400 Valmont → vingt-sept mille quatre cents Valmont
01200 → zéro un mille deux cents
06200 Nice → zéro six mille deux cents Nice
pommes, etc. Puis → pommes, et cetera. Puis
pommes, etc., et → pommes, et cetera, et
p. ex. → par exemple.
cf. art. 3 → voir article trois
article L. 123-4 → article L cent vingt-trois tiret quatre
le CCAS → le C C A S
au C.C.A.S. de Valmont → au C C A S de Valmont
PLU → P L U
la CAF → la caf
CPAM → C P A M
JDC → J D C
un PACS → un pacse
ANTS → A N T S
un RIB → un rib
un SMS → un S M S
CNI → C N I
l'EHPAD → l'épade
l'ALSH → l'A L S H
TTC → T T C
le CE1 et le CM2 → le C E un et le C M deux
un e-mail → un imèl
A13 → A treize
SIRET 12345678901234 → siret douze, trente-quatre, cinquante-six, soixante-dix-huit, \
quatre-vingt-dix, douze, trente-quatre
"""

WEB = """
valmont-sur-eure.fr → valmont tiret sur tiret eure point f r
service-public.fr → service tiret public point f r
www.service-public.fr → service tiret public point f r
https://www.ants.gouv.fr/ → a n t s point gouv point f r
Voir france-titres.gouv.fr, merci → Voir france tiret titres point gouv point f r, merci
mairie@valmont-sur-eure.fr → mairie, arobase, valmont tiret sur tiret eure point f r
www.mairie.fr/rdv → mairie point f r slash r d v
jean_01@mairie.com → jean tiret bas zéro un, arobase, mairie point com
"""

SIGNS = """
et/ou → et ou
parents/enfants → parents ou enfants
Dupont & fils → Dupont et fils
😀 Bonjour ! → Bonjour !
**gras** et _italique_ → gras et italique
[lien](http://x.fr) → lien
<b>Oui</b> → Oui
enfant(s) → enfants
né(e)s → nés
habitant·e·s → habitants
touche * → touche étoile
touche # → touche dièse
« Oui » → Oui
12\u00a0h\u202f30 → midi trente
Ã©cole → école
l\x92école → l'école
l’été → l'été
Oui&nbsp;! → Oui !
mairie (accueil) ouverte → mairie, accueil, ouverte
２ rue → deux rue
"""


def rows(table: str) -> list[tuple[str, str]]:
    return [(a, b) for line in table.strip("\n").split("\n") for a, b in [line.split(" → ")]]


ALL = rows("\n".join(t.strip("\n") for t in (HOURS, DATES, MONEY, PHONES, RANKS, MEASURES, WORDS)))
ALL += rows(WEB) + rows(SIGNS)


@pytest.mark.parametrize(("written", "said"), ALL, ids=[row[0] for row in ALL])
def test_what_is_written_is_said(written: str, said: str) -> None:
    assert spoken(written) == said


@pytest.mark.parametrize("said", [row[1] for row in ALL])
def test_what_is_said_stays_as_it_is(said: str) -> None:
    assert spoken(said) == said


def test_a_whole_answer() -> None:
    written = (
        "La mairie, 12 pl. du Gal-Leclerc, est ouverte du lundi au vendredi de 8h30 à 12h et de "
        "13h30 à 17h (18h le jeudi).\n\n- Le passeport coûte 86 €.\n- Tél. 02 32 00 00 00"
    )
    assert sentences(spoken(written)) == [
        "La mairie, douze place du Général-Leclerc, est ouverte du lundi au vendredi de huit "
        "heures trente à midi et de treize heures trente à dix-sept heures, dix-huit heures le "
        "jeudi.",
        "Le passeport coûte quatre-vingt-six euros.",
        "Téléphone zéro deux, trente-deux, zéro zéro, zéro zéro, zéro zéro",
    ]


def test_a_folded_line_goes_on_in_the_same_sentence() -> None:
    assert spoken("La mairie\nest ouverte.\nMerci") == "La mairie est ouverte. Merci"


def test_a_sentence_that_opened_with_a_number_opens_with_a_capital() -> None:
    assert spoken("Merci. 12 places. Mme X.") == "Merci. Douze places. Madame X."


@pytest.mark.parametrize("nothing", ["", " \n", "😀", "***", "<br>", "…"])
def test_nothing_to_say(nothing: str) -> None:
    assert spoken(nothing) == ""


@settings(max_examples=400)
@given(st.text(max_size=80) | st.text("0123456789 ,.:/-hHe€%°+m²n°LXIV@frMe\n*#()", max_size=40))
def test_any_text_can_be_said(text: str) -> None:
    said = spoken(text)
    assert not any(char.isnumeric() and not char.isalpha() for char in said)
    assert not re.search(r"[^\w\s,.;:!?…'-]|_|\s\s", said)


@settings(max_examples=200)
@given(
    st.lists(
        st.sampled_from(
            [
                "bonjour",
                "la",
                "mairie",
                "fermée,",
                "demain.",
                "Oui",
                "!",
                "l'été",
                "?",
                "rendez-vous",
            ]
        )
        | st.from_regex(r"[a-zéèàç]{1,9}", fullmatch=True),
        min_size=1,
    )
)
def test_plain_text_is_left_alone(words: list[str]) -> None:
    once = spoken(" ".join(words))
    assert spoken(once) == once


@settings(max_examples=200)
@given(st.text(max_size=60))
def test_english_and_others_never_fail(text: str) -> None:
    assert not any(char.isdecimal() for char in spoken(text, "en"))
    spoken(text, "de")


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Open 8:30 am to 5 pm", "Open eight thirty a m to five p m"),
        ("Call 01 23 45 67 89.", "Call zero one, two three, four five, six seven, eight nine."),
        ("€12.50 on May 1st 2026", "twelve euros fifty on May first twenty twenty-six"),
        ("Press 0", "Press zero"),
        ("3-5 days, 2.5 km & 10%", "three to five days, two point five km and ten percent"),
    ],
)
def test_english(written: str, said: str) -> None:
    assert spoken(written, "en") == said


def test_digits_by_pairs_or_one_by_one() -> None:
    assert digits_spoken("0612345678") == "zéro six, douze, trente-quatre, cinquante-six, " + (
        "soixante-dix-huit"
    )
    assert digits_spoken("+33 6 12 34 56 78") == digits_spoken("0612345678")
    assert digits_spoken("06 12", by="digits") == "zéro, six, un, deux"
    assert digits_spoken("112") == "cent douze"
    assert digits_spoken("12345") == "un, vingt-trois, quarante-cinq"
    assert digits_spoken("abc") == ""


@given(st.integers(min_value=1, max_value=3999))
def test_roman_numbers_read_back(number: int) -> None:
    steps = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ["M", "CM", "D", "CD", "C", "XC", "L", "XL", "X", "IX", "V", "IV", "I"],
        strict=True,
    )
    rest, letters = number, ""
    for step, text in steps:
        letters += text * (rest // step)
        rest %= step
    assert roman(letters) == number
    assert roman(letters + "IIII") is None


def test_numbers() -> None:
    assert cardinal("1 000 021", feminine=True) == "un million vingt et une"
    assert ordinal(1, feminine=True) == "première"
    assert [ordinal(n) for n in (5, 9, 71, 200, 1000)] == [
        "cinquième", "neuvième", "soixante et onzième", "deux centième", "millième",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "sentence",
    [
        "M. Dupont et Mme. Roy sont là.",
        "Fermé à 14 h. 30 le lundi.",
        "Voir p. 12 et art. 3.",
        "Prenez rendez-vous, p. ex. le lundi.",
        "J. Martin vous répond au C.C.A.S. de Valmont.",
        "Il coûte 12.50 € env. par an.",
        "Attendez... un instant.",
    ],
)
def test_abbreviations_do_not_end_a_sentence(sentence: str) -> None:
    assert sentences(sentence) == [sentence]


def test_sentences_end() -> None:
    text = "Bonjour ! Vous allez bien ? Le C C A S. À 14 h. Puis etc. Merci… « Oui. » Non"
    assert sentences(text) == [
        "Bonjour !", "Vous allez bien ?", "Le C C A S.", "À 14 h.", "Puis etc.", "Merci…",
        "« Oui. »", "Non",
    ]  # fmt: skip
    assert sentences(" \n ") == []


def test_long_sentences_are_cut_at_clauses() -> None:
    clause = "il faut apporter une photo récente et un justificatif"
    text = f"Voici : {clause}, {clause}, {clause} ; {clause}, {clause}."
    parts = sentences(text, 120)
    assert " ".join(parts) == text
    assert all(len(part) <= 120 for part in parts)
    assert all(part[-1] in ",;:." for part in parts)


@given(st.text("aB .!?,;\n", max_size=200), st.integers(min_value=5, max_value=60))
def test_nothing_is_lost_by_cutting(text: str, longest: int) -> None:
    assert "".join("".join(sentences(text, longest)).split()) == "".join(text.split())
