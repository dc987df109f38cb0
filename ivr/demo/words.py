"""What invented callers ask, and what they say that nobody has written an answer for."""

from __future__ import annotations

MOST_ASKED = (
    *("horaires-mairie", "carte-identite", "passeport", "encombrants", "acte-naissance"),
    *("prendre-rendez-vous", "titre-retrait", "decheterie", "inscription-scolaire", "cantine"),
    *("collecte-ordures", "signaler-voirie", "periscolaire", "mariage", "liste-electorale"),
    *("permis-construire", "piscine", "declaration-travaux", "creche", "logement-social"),
    *("titre-perdu", "location-salle", "acte-deces", "bibliotheque", "nuisances"),
)
"""Ids of the sample's FAQ, the most frequent first; other questions come after."""
UNKNOWN = (
    (
        "il y a un nid de frelons dans mon jardin",
        "qui peut enlever un nid de frelons",
        "j'ai des frelons asiatiques sous mon toit",
    ),
    (
        "est-ce que vous vendez des composteurs",
        "je voudrais un composteur pour mon jardin",
        "comment avoir un bac à compost",
    ),
    (
        "quand est-ce que la fibre arrive dans ma rue",
        "je voudrais savoir si ma maison a la fibre",
        "la fibre c'est pour quand",
    ),
    (
        "où recharger ma voiture électrique",
        "il y a des bornes pour les voitures électriques",
    ),
    (
        "c'est quand le prochain vide-grenier",
        "comment s'inscrire au vide-grenier",
        "je voudrais un emplacement au vide-grenier",
    ),
    (
        "la haie de mon voisin dépasse chez moi",
        "jusqu'où le voisin peut laisser pousser sa haie",
    ),
    (
        "je cherche un médecin qui prend de nouveaux patients",
        "il y a une maison médicale dans la ville",
    ),
    (
        "quand a lieu le prochain conseil municipal",
        "est-ce que le conseil municipal est ouvert au public",
    ),
    (
        "comment louer un jardin familial",
        "il reste des parcelles aux jardins familiaux",
        "je voudrais un jardin ouvrier",
    ),
)
"""Requests that no entry answers, each in several wordings."""
VAGUE = (
    "c'est pour un renseignement",
    "c'est au sujet de mon dossier",
    "j'ai reçu un courrier de chez vous",
    "euh c'est pour le papier là",
    "attendez je vous passe mon mari",
    "allô vous m'entendez",
)
"""What nobody could answer."""
NOT_THAT = ("non, ce n'est pas ça", "non, pas du tout", "ce n'est pas ce que je demande")
MESSAGES = (
    "bonjour j'ai une question sur mon dossier pouvez-vous me rappeler demain matin merci",
    "oui bonjour c'est pour savoir si ma carte d'identité est arrivée merci de me rappeler",
    "bonjour le lampadaire devant chez moi ne marche plus depuis trois jours",
    "bonsoir je voudrais annuler la cantine de mon fils pour jeudi",
    "bonjour c'est pour un rendez-vous avec le service de l'urbanisme rappelez-moi s'il vous plaît",
    "bonjour ma poubelle n'a pas été ramassée ce matin",
)
"""What is understood of spoken messages."""
