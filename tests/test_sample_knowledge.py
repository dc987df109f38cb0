"""The sample town's knowledge keeps what the design promises of it."""

from __future__ import annotations

import pytest

from ivr.dialogue.prompts import PROMPTS
from ivr.knowledge.base import Knowledge
from ivr.knowledge.catalogue import REFERENCE
from ivr.knowledge.check import CHARACTERS_A_SECOND, LONGEST_ANSWER, WANTED_EXAMPLES, check
from ivr.speech.spoken import spoken

_CONTRACT = """
    acte-naissance acte-mariage acte-deces carte-identite passeport titre-perdu titre-retrait
    mariage pacs declaration-naissance declaration-deces livret-famille recensement-citoyen
    legalisation-signature attestation-accueil cimetiere
    liste-electorale procuration bureau-vote
    horaires-mairie adresse-mairie prendre-rendez-vous objets-trouves rencontrer-elu associations
    location-salle marche emploi-mairie
    permis-construire declaration-travaux plu cadastre
    signaler-voirie eclairage-public occupation-voirie
    encombrants decheterie collecte-ordures bac-poubelle
    inscription-scolaire cantine periscolaire creche transport-scolaire
    aide-sociale logement-social repas-domicile registre-canicule
    stationnement-resident contravention fourriere nuisances animaux operation-vacances
    bibliotheque piscine conservatoire
    eau-facture eau-fuite
"""
CONTRACT = _CONTRACT.split()
"""The entries that evaluation files name: these ids never change."""
MOVES = {"operateur", "rappel", "repeter", "oui", "non", "au-revoir", "urgence", "hors-sujet"}
LONGEST_GREETING = 10
"""Seconds before the caller is asked what they want."""


def test_nothing_is_found_wrong(town: Knowledge) -> None:
    assert [str(fault) for fault in check(town)] == []


@pytest.mark.parametrize("id_", CONTRACT)
def test_the_contract_is_kept(town: Knowledge, id_: str) -> None:
    assert len(set(town.entries[id_].examples)) >= WANTED_EXAMPLES


def test_every_entry_has_examples_enough(town: Knowledge) -> None:
    few = {id_ for id_, one in town.entries.items() if len(one.examples) < WANTED_EXAMPLES}
    assert few == set()


def test_the_dialogue_knows_its_moves(town: Knowledge) -> None:
    assert {one.id for one in town.intents if one.language == REFERENCE} == MOVES


def test_answers_are_short_enough_to_be_remembered(town: Knowledge) -> None:
    said = {
        f"{language}:{entry.id}": text
        for language in town.languages
        for entry in town.entries_in(language).values()
        for text in (entry.answer, *(one.answer for one in entry.follow_ups))
    }
    long = {
        where
        for where, text in said.items()
        if len(spoken(text, where[:2])) > LONGEST_ANSWER * CHARACTERS_A_SECOND
    }
    assert long == set()


def test_what_is_translated_exists_in_french(town: Knowledge) -> None:
    for language in set(town.languages) - {REFERENCE}:
        assert set(town.translations[language]) <= set(town.entries)


@pytest.mark.parametrize("key", [key for key in PROMPTS if key.startswith("greeting.")])
def test_greetings_do_not_keep_callers_waiting(town: Knowledge, key: str) -> None:
    for language in town.catalogue.languages:
        text = spoken(town.catalogue.text(key, language), language)
        assert len(text) <= LONGEST_GREETING * CHARACTERS_A_SECOND, text


@pytest.mark.parametrize("key", ["greeting.open", "greeting.closed", "greeting.overflow"])
def test_callers_are_told_that_a_machine_listens_and_keeps_nothing(
    town: Knowledge, key: str
) -> None:
    text = town.catalogue.text(key, REFERENCE)
    assert "assistant vocal" in text
    assert "enregistr" in text
