"""The words behind ``spoken.py``: abbreviations, acronyms, units and genders, as plain tables."""

from __future__ import annotations

MONTHS = (
    "janvier", "février", "mars", "avril", "mai", "juin",
    "juillet", "août", "septembre", "octobre", "novembre", "décembre",
)  # fmt: skip
WEEKDAYS = ("lundi", "mardi", "mercredi", "jeudi", "vendredi", "samedi", "dimanche")

ABBREVIATIONS = {
    "Mme": "madame", "Mmes": "mesdames", "MM.": "messieurs", "Mlle": "mademoiselle",
    "Mlles": "mesdemoiselles", "Dr": "docteur", "Drs": "docteurs", "Mgr": "monseigneur",
    "A/R": "aller-retour",
    "av.": "avenue", "ave": "avenue", "bd": "boulevard", "bld": "boulevard", "blvd": "boulevard",
    "boul.": "boulevard", "pl.": "place", "imp.": "impasse", "all.": "allée", "ch.": "chemin",
    "rte": "route", "sq.": "square", "fbg": "faubourg", "fg": "faubourg", "lot.": "lotissement",
    "bât.": "bâtiment", "bat.": "bâtiment", "apt": "appartement", "appt": "appartement",
    "app.": "appartement", "esc.": "escalier", "ét.": "étage", "rdc": "rez-de-chaussée",
    "tél.": "téléphone", "tel.": "téléphone", "tél": "téléphone", "p. ex.": "par exemple",
    "par ex.": "par exemple", "ex.": "exemple", "c.-à-d.": "c'est-à-dire", "cf.": "voir",
    "env.": "environ", "max.": "maximum", "hab.": "habitants", "art.": "article",
    "nb": "nombre", "rdv": "rendez-vous", "svp": "s'il vous plaît", "tlj": "tous les jours",
    "dép.": "département", "dépt": "département", "dpt": "département", "Sté": "société",
    "Cie": "compagnie", "janv.": "janvier", "févr.": "février", "fév.": "février",
    "avr.": "avril", "juil.": "juillet", "sept.": "septembre", "oct.": "octobre",
    "nov.": "novembre", "déc.": "décembre", "lun.": "lundi", "mer.": "mercredi",
    "jeu.": "jeudi", "ven.": "vendredi", "sam.": "samedi", "dim.": "dimanche",
    "e-mail": "imèl", "e-mails": "imèls", "email": "imèl", "emails": "imèls",
    "mail": "mèl", "mails": "mèls", "Wi-Fi": "wifi", "vs": "contre",
}  # fmt: skip
"""Written → said. Matched as whole words, in any case; those with a dot need their dot."""

KEEP_STOP = frozenset(["etc."])
"""Abbreviations whose dot may also end the sentence."""

SAID_AS_WORDS = {
    "PACS": "pacse", "CAF": "caf", "RIB": "rib", "INSEE": "insé", "URSSAF": "ursaf",
    "SIRET": "siret", "SIREN": "sirène", "EHPAD": "épade", "ATSEM": "atsem", "CEDEX": "cédex",
    "CERFA": "cerfa", "ZAC": "zac", "BAFA": "bafa", "SAMU": "samu", "SPANC": "spanc",
    "ESAT": "ésat", "CLIC": "clic", "CROUS": "crousse", "SIVOM": "sivom", "ADIL": "adil",
    "ENEDIS": "énédisse", "AMAP": "amap", "IFSI": "ifsi", "RASED": "rasède", "ULIS": "ulisse",
    "SEGPA": "segpa", "ASSEDIC": "assédic", "UNESCO": "unesco", "RER": "R E R", "TER": "T E R",
    "DEEE": "D trois E", "SICTOM": "sictom", "MARPA": "marpa", "CADA": "cada", "CNIL": "cnil",
    "WIFI": "wifi", "ANAH": "ana", "CAP": "cap", "BAC": "bac", "DROM": "drom", "SMIC": "smic",
    "ZUP": "zup", "COVID": "covid", "ARS": "A R S", "LED": "lède", "MAIF": "maïf",
}  # fmt: skip
"""Acronyms said as a word (or otherwise than letter by letter)."""

SPELT = frozenset(
    """
    AAH ABF ADN AESH ALSH ALUR AME ANTS APA APE APL ARE ASE ASH AVS BEP BP BTS CAO CDD CDI CE CLSH
    CCAS CGU CHU CIAS CIO CM CMU CNI CP CPE CPAM CSG CSS CU CV DALO DDT DECI DGFIP DIA DICT DP EDF
    EPCI EPHAD ERP FAQ GDF GPS GR GRDF GS HLM HT IME IRM ISF IUT IVG JDC JO LPO MDPH MJC MS MSA OK
    OM OMS ONG ONU OPH ORL PAI PAP PC PCS PDF PEL PIN PLU PLUI PME PMI PMR PMU POS PPMS PPRI PS
    PSC PTT PV QR RATP RCS RGPD RIP RN RSA RTT SA SARL SAS SCI SDF SIP SIVU SMS SNCF SOS SUV TGV
    TNT TPE TTC TVA UE UFR URL USB VAE VSL VTT WC ZEP ZFE ZRR
    """.split()  # noqa: SIM905 - two hundred quotes would hide the words
)
"""Acronyms said letter by letter; unlisted ones without a vowel are too."""

UNITS = {
    "km/h": "kilomètre à l'heure", "km2": "kilomètre carré", "m2": "mètre carré",
    "cm2": "centimètre carré", "m3": "mètre cube", "cm3": "centimètre cube", "km": "kilomètre",
    "hm": "hectomètre", "m": "mètre", "dm": "décimètre", "cm": "centimètre", "mm": "millimètre",
    "ha": "hectare", "kg": "kilo", "g": "gramme", "mg": "milligramme", "t": "tonne",
    "l": "litre", "L": "litre", "cl": "centilitre", "ml": "millilitre", "hl": "hectolitre",
    "kWh": "kilowattheure", "kW": "kilowatt", "W": "watt", "V": "volt", "kVA": "kilovoltampère",
    "°C": "degré", "°": "degré", "°F": "degré Fahrenheit", "dB": "décibel", "Mo": "mégaoctet",
    "Go": "gigaoctet", "Ko": "kilooctet", "min": "minute", "mn": "minute", "s": "seconde",
    "sec": "seconde", "j": "jour", "ans": "an", "an": "an", "bars": "bar", "bar": "bar",
}  # fmt: skip
"""Unit → singular. Only read as units right after a number."""

PER = {
    "m2": "mètre carré", "m3": "mètre cube", "m": "mètre", "h": "heure", "j": "jour", "l": "litre",
    "kg": "kilo", "t": "tonne", "km": "kilomètre", "an": "an", "pers": "personne",
    "pers.": "personne", "mn": "minute", "min": "minute", "kWh": "kilowattheure",
}  # fmt: skip
"""What may follow ``€/``; any whole word may too ("€/mois")."""

CURRENCIES = {
    "€": ("euro", "euros"), "eur": ("euro", "euros"), "euros": ("euro", "euros"),
    "euro": ("euro", "euros"), "$": ("dollar", "dollars"), "£": ("livre", "livres"),
}  # fmt: skip

FEMININE = frozenset(
    """
    heure minute seconde semaine année journée nuit fois page place pièce photo photographie copie
    personne famille femme fille voiture tonne livre rue route avenue allée école classe crèche
    salle chambre carte lettre enveloppe demande adresse commune ville mairie borne benne poubelle
    caisse plaque remorque tombe case ligne touche feuille étape démarche règle raison partie part
    signature facture voie moto roue table chaise fenêtre porte clôture véranda piscine terrasse
    maison parcelle surface aide amende taxe caution clé urne liste réponse question formule offre
    chose bouteille boîte palette branche planche haie pelouse aire zone tour entrée sortie main
    agence antenne équipe sœur mère nièce tante cousine voisine habitante usagère mensualité virgule
    """.split()  # noqa: SIM905
)
"""Feminine nouns that numbers often stand before; `feminine` also knows some endings."""

FEMININE_ENDINGS = ("tion", "sion", "xion", "ette", "ance", "ence", "ité", "esse", "aine", "ture")
"""Endings of nouns that are nearly always feminine."""

MASCULINE = frozenset(["domaine", "capitaine", "squelette", "silence", "comité", "deux"])
"""Exceptions to FEMININE_ENDINGS."""

TOP_DOMAINS = (
    "gouv.fr", "asso.fr", "com", "fr", "org", "net", "eu", "info", "bzh", "alsace", "corsica",
    "paris", "re", "be", "ch", "ca", "io", "tv", "app",
)  # fmt: skip
SPELT_DOMAINS = frozenset(["fr", "eu", "re", "be", "ch", "ca", "io", "tv"])

SHORT_NUMBERS = (
    "3018", "3020", "3114", "3117", "3133", "3237", "3246", "3624", "3631", "3646", "3699", "3919",
    "3939", "3949", "3960", "3977",
)  # fmt: skip
"""National services with four figures, said in two pairs wherever they stand."""

SIGNS = {
    "&": " et ", "+": " plus ", "=": " égale ", "%": " pour cent ", "€": " euros ", "°": " degrés ",
    "@": " arobase ", "≈": " environ ", "≥": " au moins ", "≤": " au plus ", ">": " plus de ",
    "<": " moins de ", "×": " fois ", "§": " paragraphe ", "$": " dollars ",
    "£": " livres ", "–": ", ", "—": ", ", "(": ", ", ")": ", ", "[": ", ", "]": ", ",
    "{": ", ", "}": ", ", "|": ", ", "•": ", ", "·": " ", "→": ", ", "±": " plus ou moins ",
    "÷": " divisé par ", "√": " racine de ", "‰": " pour mille ", "−": " moins ",
}  # fmt: skip
"""What is left of signs once all that has a meaning in its place has been said."""
