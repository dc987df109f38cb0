"""Every configuration that can be rendered loads in the real Asterisk without a complaint."""

from __future__ import annotations

import re
import socket
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ivr.asterisk.configuration import LONGEST_SOCKET, Home, expand, home_in, install
from ivr.asterisk.process import AsteriskProcess, switchboard
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import PENALTY, PhoneSpec, QueueSpec, render, switchboard_home
from ivr.errors import AsteriskError, FaultsFound
from ivr.secrets import Secrets, load_or_create
from ivr.testcaller.network import private_settings

pytestmark = pytest.mark.telephone

ODD_PASSWORD = "p'à<s>s,w#o[r]d{}|\\`%&=é€@:/$x${EXTEN}"
RECEPTION = QueueSpec("accueil", "Accueil")
DEPARTMENTS = (
    RECEPTION,
    QueueSpec("etat-civil", "État civil, élections (1er étage)", overflow="accueil"),
    QueueSpec("ccas", "C.C.A.S. : l'aide & les œuvres", overflow="etat-civil"),
)
OPERATORS = (
    PhoneSpec("101", "Élodie D'Hervé-Martin", ("accueil", "ccas")),
    PhoneSpec("20102", "Ἀθηνᾶ (接待)", ("etat-civil",)),
    PhoneSpec("33", "No queue at all"),
)


@dataclass(frozen=True)
class Case:
    """One town hall's telephones."""

    tables: Mapping[str, Mapping[str, Any]]
    queues: Sequence[QueueSpec] = (RECEPTION,)
    phones: Sequence[PhoneSpec] = ()


TRUNKS: dict[str, dict[str, Any]] = {
    "none": {},
    "neither": {"test_line": False},
    "addresses": {"mode": "addresses", "addresses": ["203.0.113.7", "198.51.100.0/24"]},
    "addresses-out": {
        "mode": "addresses",
        "addresses": ["127.0.0.9"],
        "host": "127.0.0.9:{silent}",
        "number": "+33232001000",
    },
    "registration": {
        "mode": "registration",
        "host": "127.0.0.1:{silent}",
        "username": "0033-mairie.1+a@x",
        "password": ODD_PASSWORD,
    },
}
CASES = {
    **{name: Case({"trunk": trunk}) for name, trunk in TRUNKS.items()},
    "everything": Case({"trunk": TRUNKS["addresses-out"]}, DEPARTMENTS, OPERATORS),
    "behind-a-router": Case(
        {
            "sip": {
                "bind": "0.0.0.0",
                "external_address": "203.0.113.1",
                "local_nets": ["10.0.0.0/8", "192.168.1.0/24"],
            }
        },
        DEPARTMENTS,
        OPERATORS,
    ),
}


@pytest.fixture
def silent() -> Iterator[int]:
    """The UDP port of a provider that never answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as provider:
        provider.bind(("0.0.0.0", 0))
        yield provider.getsockname()[1]


def prepared(case: Case, var: Path, silent: int) -> AsteriskProcess:
    tables = {
        section: {
            key: value.format(silent=silent) if key == "host" else value
            for key, value in table.items()
        }
        for section, table in case.tables.items()
    }
    settings = private_settings(var, tables)
    secrets = load_or_create(var, [phone.extension for phone in case.phones])
    return switchboard(settings, secrets, case.queues, case.phones)


PLAIN = re.compile(
    r"\[[^]]+\] (NOTICE\[|Asterisk \S+ built)|PBX UUID|Asterisk Ready|Asterisk cleanly ending"
    r"|Executing last minute cleanups|Asterisk ending"
    # Of its own making: a gap in its documentation, and packets that come while it still loads.
    r"|Could not find option 'minimum_size' with type 'threadpool' in module 'stasis'"
    r"|.*Enable PJSIP_SAFE_MODULE to prevent race condition"
)


def complaints(asterisk: AsteriskProcess) -> list[str]:
    """What Asterisk has printed or logged that is neither a notice nor about itself."""
    log = (asterisk.home.log / "messages.log").read_text(encoding="utf-8")
    lines = (asterisk.console.read_text(encoding="utf-8") + log).splitlines()
    return [line for line in lines if line.strip() and not PLAIN.match(line)]


@pytest.mark.parametrize("name", CASES)
async def test_loads_and_reloads_without_a_complaint(
    name: str, tmp_path: Path, silent: int
) -> None:
    case = CASES[name]
    async with prepared(case, tmp_path / "var", silent) as asterisk:
        assert complaints(asterisk) == []
        await asterisk.reload()
        queues = await asterisk.rx("queue show")
        for queue in case.queues:
            assert re.search(rf"^{queue.id} has 0 calls", queues, re.MULTILINE)
        for phone in case.phones:
            if phone.queues:
                assert f"{phone.name} (PJSIP/poste-{phone.extension} from hint:" in queues
    assert complaints(asterisk) == []


async def test_odd_passwords_and_names_arrive_whole(tmp_path: Path, silent: int) -> None:
    case = Case({"trunk": TRUNKS["registration"]}, DEPARTMENTS, OPERATORS)
    async with prepared(case, tmp_path / "var", silent) as asterisk:
        auth = await asterisk.rx("pjsip show auth trunk")
        assert re.search(r"^ password +: (.*)$", auth, re.MULTILINE)[1] == ODD_PASSWORD  # type: ignore[index]
        assert "Ἀθηνᾶ (接待)" in await asterisk.rx("pjsip show endpoint poste-20102")
        assert "IVR_QUEUE_NAME=État civil, élections (1er étage)" in await asterisk.rx(
            "dialplan show etat-civil@operators"
        )


# What an intruder on the trunk can reach


def contexts(shown: str) -> dict[str, list[tuple[str, str]]]:
    """The applications with their data, by context, of ``dialplan show``; also ``include``."""
    found: dict[str, list[tuple[str, str]]] = {}
    steps: list[tuple[str, str]] = []
    for line in shown.splitlines():
        if head := re.match(r"\[ Context '([^']+)'", line):
            steps = found[head[1]] = []
        elif included := re.match(r"\s*Include =>\s*'([^']+)'", line):
            steps.append(("include", included[1]))
        elif step := re.search(r"\s\d+\. (\w+)\((.*)\)\s+\[[^]]+\]$", line):
            steps.append((step[1], step[2]))
    return found


DUTY = ("duty", "duty-set")
"""Contexts of the codes that say whether an operator takes calls."""


def targets(application: str, data: str) -> Iterator[str]:
    """The other contexts that a step may lead to."""
    if application == "include":
        yield data
    elif application in ("Goto", "GotoIf"):
        places = re.split(r"[?:]", data)[1:] if application == "GotoIf" else [data]
        yield from (place.split(",")[0] for place in places if place.count(",") == 2)


def reachable(plan: Mapping[str, list[tuple[str, str]]], start: str) -> set[str]:
    seen: set[str] = set()
    ahead = {start}
    while ahead:
        seen.add(context := ahead.pop())
        ahead |= {t for step in plan[context] for t in targets(*step)} - seen
    return seen


async def test_no_inbound_context_can_dial(tmp_path: Path, silent: int) -> None:
    async with prepared(CASES["everything"], tmp_path / "var", silent) as asterisk:
        plan = contexts(await asterisk.rx("dialplan show"))
        for line in ("trunk", "test-line"):
            endpoint = await asterisk.rx(f"pjsip show endpoint {line}")
            assert re.search(r"^ context +: inbound$", endpoint, re.MULTILINE)
            assert re.search(r"^ allow_transfer +: false$", endpoint, re.MULTILINE)
    assert reachable(plan, "phones") == {"phones", "colleague", *DUTY, "operators-out", "out"}
    assert reachable(plan, "transfers") == {"transfers", "transfer", "operators", "queue"}
    inbound = reachable(plan, "inbound")
    assert inbound == {"inbound", "operators", "queue"}
    harmless = {
        "Set",
        "Goto",
        "GotoIf",
        "Answer",
        "Stasis",
        "Queue",
        "Playback",
        "MusicOnHold",
        "UserEvent",
    }
    steps = [step for context in inbound for step in plan[context]]
    assert {application for application, _ in steps} - {"Dial"} == {
        *harmless,
        "Hangup",
        "UserEvent",
    }
    dialled = [data for application, data in steps if application == "Dial"]
    assert all(data.startswith("PJSIP/poste-${FILTER(0-9,") for data in dialled), dialled


async def test_operators_may_dial_what_costs_little(tmp_path: Path, silent: int) -> None:
    async with prepared(CASES["everything"], tmp_path / "var", silent) as asterisk:

        async def allowed(number: str) -> bool:
            return "Goto(out," in await asterisk.rx(f"dialplan show {number}@phones")

        for number in ("0232001000", "0612345678", "0800123456", "15", "112"):
            assert await allowed(number), number
        for number in ("0899123456", "0891123456", "0033123456789", "3200", "06123456789"):
            assert not await allowed(number), number


async def test_no_operator_dials_out_without_a_provider(tmp_path: Path, silent: int) -> None:
    case = Case({"trunk": TRUNKS["addresses"]}, DEPARTMENTS, OPERATORS)
    async with prepared(case, tmp_path / "var", silent) as asterisk:
        plan = contexts(await asterisk.rx("dialplan show"))
    assert reachable(plan, "phones") == {"phones", "colleague", *DUTY}


# What must hold whatever the settings


async def test_doors_are_shut(asterisk: AsteriskProcess) -> None:
    http = await asterisk.rx("http show status")
    assert "Server Enabled and Bound to 127.0.0.1:" in http
    for path in ("/media", "/ari"):
        shut = rf"Path: {path}\n.*\n-+\n\s+0: +deny - 0.0.0.0/0.0.0.0\n\s+1: allow - 127.0.0.1/255"
        assert re.search(shut, http), path
    manager = await asterisk.rx("manager show settings")
    assert "TCP Bindaddress:           127.0.0.1:" in manager
    assert re.search(r"Web Manager \(AMI/HTTP\): +No", manager)
    assert re.search(r"No +Yes +allo-mairie", await asterisk.rx("ari show users"))


async def test_nothing_is_kept_of_calls_but_security_events(asterisk: AsteriskProcess) -> None:
    assert re.search(r"Logging: +Disabled", await asterisk.rx("cdr show status"))
    assert "CEL Logging: Disabled" in await asterisk.rx("cel show status")
    assert re.search(r"Enabled +- SECURITY", await asterisk.rx("logger show channels"))
    assert not (asterisk.home.log / "queue_log").exists()


async def test_a_waiting_caller_hears_french_and_music(asterisk: AsteriskProcess) -> None:
    plan = contexts(await asterisk.rx("dialplan show"))
    steps = [step for context in plan.values() for step in context]
    played = {
        s for application, data in steps if application == "Playback" for s in data.split("&")
    }
    plain = {data.removeprefix("IVR_PLAIN=") for _, data in steps if data.startswith("IVR_PLAIN=")}
    assert plain == {"activated", "de-activated"}
    played = {sound for sound in played | plain if "${" not in sound}  # those are our own
    assert len(played) > len(plain)
    for sound in played:
        formats = await asterisk.rx(f"core show sound {sound}")
        assert re.search(r"Language fr:\s+Format: \w+", formats), sound
    assert (await asterisk.rx("moh show files")).count("File:") >= 1
    assert re.search(r"Default language: +fr", await asterisk.rx("core show settings"))


# Values that do not belong in a configuration file


@pytest.mark.parametrize(
    ("queues", "phones", "said"),
    [
        ([], [], "departments.yaml: accueil: this department is needed"),
        ([RECEPTION, QueueSpec("a\nb", "X")], [], "an id is 2 to 40 lower-case letters"),
        ([RECEPTION, RECEPTION], [], "departments.yaml: accueil: stands there twice"),
        ([RECEPTION, QueueSpec("ccas", "C;X")], [], "ccas.name: must not contain ';'"),
        ([RECEPTION, QueueSpec("ccas", "C\n[x]")], [], "ccas.name: must not contain line breaks"),
        ([RECEPTION, QueueSpec("ccas", " ")], [], "ccas.name: is missing"),
        ([RECEPTION, QueueSpec("ccas", "C", "eau")], [], "there is no queue 'eau'"),
        ([RECEPTION, QueueSpec("ccas", "C", "ccas")], [], "cannot overflow into itself"),
        ([RECEPTION], [PhoneSpec("0101", "A")], "0101: an extension is 2 to 5 digits"),
        ([RECEPTION], [PhoneSpec("112", "A")], "112: is an emergency number"),
        ([RECEPTION], [PhoneSpec("101", "A"), PhoneSpec("101", "B")], "2 operators have this"),
        ([RECEPTION], [PhoneSpec("101", 'A "B"')], "101.name: must not contain '\"'"),
        ([RECEPTION], [PhoneSpec("101", "A,B")], "101.name: must not contain ','"),
        ([RECEPTION], [PhoneSpec("101", "${SHELL(id)}")], "101.name: must not contain '$'"),
        ([RECEPTION], [PhoneSpec("101", "A", ("eau",))], "101.queues: there is no queue 'eau'"),
    ],
)
def test_a_bad_value_is_named_and_nothing_written(
    queues: list[QueueSpec], phones: list[PhoneSpec], said: str, tmp_path: Path
) -> None:
    settings = private_settings(tmp_path / "var")
    words = Secrets("r", "a", "m", "t", "k", {phone.extension: "p" for phone in phones})
    with pytest.raises(FaultsFound, match=re.escape(said)):
        render(settings, words, queues, phones, find_asterisk(settings))
    assert not switchboard_home(settings).root.exists()


@pytest.mark.parametrize(
    ("password", "said"),
    [("", "needs a password"), ("a b", "' '"), (">x", "at its beginning")],
)
def test_a_trunk_password_that_asterisk_would_misread(
    password: str, said: str, tmp_path: Path
) -> None:
    trunk = {**TRUNKS["registration"], "host": "sip.example", "password": password}
    settings = private_settings(tmp_path / "var", {"trunk": trunk})
    secrets = Secrets("r", "a", "m", "t", "k", {})
    with pytest.raises(FaultsFound, match=f"IVR_TRUNK_PASSWORD: .*{said}"):
        render(settings, secrets, [RECEPTION], [], find_asterisk(settings))


def test_every_missing_secret_is_named(tmp_path: Path) -> None:
    settings = private_settings(tmp_path / "var")
    with pytest.raises(FaultsFound) as found:
        render(
            settings,
            Secrets("r", "", "m", "t", "k", {}),
            [RECEPTION],
            [PhoneSpec("101", "A")],
            find_asterisk(settings),
        )
    assert [fault.where for fault in found.value.faults] == ["ari", "phones.101"]


# The files


def test_files_are_private_and_stale_ones_go(tmp_path: Path) -> None:
    settings = private_settings(tmp_path / "var")
    program = find_asterisk(settings)
    secrets = Secrets("r", "a", "m", "t", "k", {})
    conf = render(settings, secrets, [RECEPTION], [], program)
    (conf.parent / "pjsip_wizard.conf").write_text("left by an older release")
    before = {path.name: path.stat().st_mtime_ns for path in conf.parent.glob("*.conf")}
    assert render(settings, secrets, [RECEPTION], [], program) == conf
    after = {path.name: path.stat().st_mtime_ns for path in conf.parent.glob("*.conf")}
    assert before.keys() - after.keys() == {"pjsip_wizard.conf"}
    assert after.items() <= before.items(), "a file that says the same is not written again"
    assert {stat.S_IMODE(path.stat().st_mode) for path in conf.parent.iterdir()} == {0o600}


def test_a_deep_folder_has_its_socket_elsewhere(tmp_path: Path) -> None:
    deep = tmp_path / ("d" * 100)
    home = home_in(deep)
    assert home.root == deep
    assert len(str(home.socket)) <= LONGEST_SOCKET
    assert home_in(deep) == home


def test_a_folder_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    home = Home(tmp_path / "file" / "asterisk", tmp_path / "run")
    program = find_asterisk(private_settings(tmp_path))
    with pytest.raises(AsteriskError, match=r"file/asterisk: Asterisk's configuration cannot"):
        install(home, program, {"a.conf": ""})


def test_broken_templates_are_named(tmp_path: Path) -> None:
    with pytest.raises(AsteriskError, match="holds no templates"):
        expand([tmp_path], {})
    (tmp_path / "x.conf.j2").write_text("[a]\n{{ nowhere }}\n")
    with pytest.raises(AsteriskError, match=r"x\.conf\.j2: 'nowhere' is undefined"):
        expand([tmp_path], {})
    (tmp_path / "x.conf.j2").write_text("[a]\n{% if %}\n")
    with pytest.raises(AsteriskError, match=r"x\.conf\.j2:2: "):
        expand([tmp_path], {})


def test_skills_are_penalties_in_queues(tmp_path: Path) -> None:
    settings = private_settings(tmp_path / "var")
    phones = [
        PhoneSpec("101", "A", ("accueil",), {"accueil": PENALTY - 1}),
        PhoneSpec("102", "B", ("accueil",)),
    ]
    secrets = load_or_create(settings.paths.var, ["101", "102"])
    conf = render(settings, secrets, [QueueSpec("accueil", "A")], phones, find_asterisk(settings))
    queues = (conf.parent / "queues.conf").read_text(encoding="utf-8")
    assert "member => PJSIP/poste-101,0,A," in queues
    assert "member => PJSIP/poste-102,1,B," in queues
