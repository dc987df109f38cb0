"""The public network's Asterisk: each kind of line to the switchboard, with real calls."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from ivr.asterisk.ari import Ari, AriAddress
from ivr.asterisk.ari_messages import Channel
from ivr.asterisk.process import AsteriskProcess, switchboard
from ivr.asterisk.render import ARI_APP, ARI_USER, PhoneSpec, QueueSpec
from ivr.errors import AsteriskError
from ivr.secrets import Secrets, load_or_create
from ivr.settings import Settings
from ivr.testcaller import network as public
from ivr.testcaller.network import Line, Network, free_port, private_settings
from ivr.testcaller.telephones import Telephones, telephones
from tests.test_dialplan import hears

pytestmark = pytest.mark.telephone

TOWN_HALL = "0232001000"
PASSWORD = "p'à<s>s,w#o[r]d{}|\\`%&=é€@:/$x${EXTEN}"


class Town:
    """A switchboard with its operator 101, and the network beside it."""

    def __init__(self, settings: Settings, secrets: Secrets, root: Path) -> None:
        self.settings = settings
        self.secrets = secrets
        self.root = root
        self.asterisk: AsteriskProcess
        self.network: Network
        self.phones: Telephones

    @asynccontextmanager
    async def up(self, line: Line, desks: tuple[str, ...] = ("101",)) -> AsyncIterator[None]:
        queues = [QueueSpec("accueil", "Accueil", outside="0232001077")]
        operators = [PhoneSpec("101", "A", ("accueil",))]
        self.asterisk = switchboard(self.settings, self.secrets, queues, operators)
        self.network = Network(self.root / "network", self.settings, self.secrets, desks, line)
        async with self.asterisk, self.network, telephones(self.network) as self.phones:
            yield


def town(root: Path, trunk: Mapping[str, Any]) -> Town:
    settings = private_settings(root / "var", {"trunk": trunk})
    return Town(settings, load_or_create(settings.paths.var, ["101"]), root)


async def test_a_trunk_known_by_its_addresses(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM, "127.0.0.2")
    trunk = {
        "mode": "addresses",
        "addresses": ["127.0.0.2"],
        "host": f"127.0.0.2:{port}",
        "number": "+33232001000",
    }
    it = town(tmp_path, trunk)
    async with it.up("addresses"):
        # Premium numbers are answered too.
        async with it.phones.call("0899123456", "0612345678") as caller:
            # A telephone that diverts its calls diverts none: it is rung again.
            await (await it.phones.desk_rings("101")).transfer("0232001077")
            ringing = await it.phones.desk_rings("101")
            with pytest.raises(TimeoutError):
                await it.phones.public_rings("0232001077", 0.1)
            assert ringing.presented.number == "0612345678"
            await ringing.answer()
            # The department's own number outside gets a caller; no other number does.
            await ringing.transfer("0232001078")
            kept = await it.phones.transfer_refused()
            await kept.transfer("0232001077")
            outside = await it.phones.public_rings("0232001077")
            assert (outside.presented.number, outside.presented.name) == ("+33232001000", "")
            await outside.refuse()
            again = await it.phones.desk_rings("101", 20)
            assert again.presented.number == "0612345678"
            # The same holds for who is asked first: no other call can be joined with the caller's.
            await again.answer()
            async with it.phones.desk_calls("101", "0232001078") as asking:
                with pytest.raises(AsteriskError, match="not answered"):
                    await asking.until_answered()
            async with it.phones.desk_calls("101", "0232001077") as asking:
                outside = await it.phones.public_rings("0232001077")
                await outside.answer()
                await asking.until_answered()
                await again.transfer_to(asking, "0232001077")
                await asking.until_ended()
                await hears(outside, caller)
        # An operator calls a citizen, who sees the town hall's number.
        ari = AriAddress("127.0.0.1", it.network.ports.http, public.USER, it.network.ari_password)
        async with Ari(ari, public.APP) as exchange:
            await exchange.originate("operator", "PJSIP/0612345678@poste-101", "<101>")
            citizen = await it.phones.public_rings("0612345678")
            assert citizen.presented.number == "+33232001000"
            await exchange.hang_up("operator")


async def test_a_trunk_by_registration_with_an_odd_password(tmp_path: Path) -> None:
    port = free_port(socket.SOCK_DGRAM)
    trunk = {
        "mode": "registration",
        "host": f"127.0.0.1:{port}",
        "username": "0033232001000",
        "password": PASSWORD,
        "test_line": False,
    }
    settings = private_settings(tmp_path / "var", {"trunk": trunk})
    secrets = load_or_create(settings.paths.var)
    ari = AriAddress("127.0.0.1", settings.asterisk.http_port, ARI_USER, secrets.ari)
    async with (
        Network(tmp_path / "network", settings, secrets, (), "registration") as network,
        telephones(network) as phones,
        switchboard(settings, secrets, [QueueSpec("accueil", "Accueil")], []) as asterisk,
        Ari(ari, ARI_APP) as exchange,
        asyncio.timeout(20),
    ):
        await asterisk.until("pjsip show registrations", lambda said: " Registered" in said)
        async with phones.call("0033232001000", "0612345678"):
            assert (await first_channel(exchange)).caller.number == "0612345678"


INVITE = """\
INVITE sip:0232001000@127.0.0.1:{port} SIP/2.0
Via: SIP/2.0/UDP 127.0.0.1:{own};branch=z9hG4bK{call};rport
From: {caller};tag={call}
To: <sip:0232001000@127.0.0.1:{port}>
Call-ID: {call}
CSeq: 1 INVITE
Contact: <sip:x@127.0.0.1:{own}>
Max-Forwards: 70
Content-Type: application/sdp
Content-Length: {length}

"""
SDP = """\
v=0
o=- 1 1 IN IP4 127.0.0.1
s=-
c=IN IP4 127.0.0.1
t=0 0
m=audio 9 RTP/AVP 8
"""


@pytest.mark.parametrize(
    ("caller", "number", "name"),
    [
        (b'"\xc9lodie" <sip:0612345678@x>', "0612345678", ""),
        (b'"a\\"b" <sip:+33612345678@x>', "+33612345678", "ab"),
        (b'"Anonymous" <sip:anonymous@anonymous.invalid>', "", "Anonymous"),
        (b"<sip:06%0d%0a12@x>", "0612", ""),
    ],
)
async def test_caller_ids_as_a_provider_may_send_them(
    caller: bytes, number: str, name: str, tmp_path: Path
) -> None:
    it = town(tmp_path, {"mode": "addresses", "addresses": ["127.0.0.1"], "test_line": False})
    queues = [QueueSpec("accueil", "Accueil")]
    ari = AriAddress("127.0.0.1", it.settings.asterisk.http_port, ARI_USER, it.secrets.ari)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as provider:
        provider.bind(("127.0.0.1", 0))
        port, own = it.settings.sip.port, provider.getsockname()[1]
        sdp = SDP.replace("\n", "\r\n").encode()
        head = INVITE.format(port=port, own=own, call="c1", caller="CALLER", length=len(sdp))
        request = head.replace("\n", "\r\n").encode().replace(b"CALLER", caller) + sdp
        async with switchboard(it.settings, it.secrets, queues, []), Ari(ari, ARI_APP) as exchange:
            provider.sendto(request, ("127.0.0.1", port))
            channel = await first_channel(exchange)
    assert channel.caller.number == number
    assert channel.caller.name.startswith(name)
    assert not set('"\r\n<>\\') & set(channel.caller.name)


async def first_channel(ari: Ari) -> Channel:
    """The call, once its caller id has been cleaned: it is answered after that."""
    async with asyncio.timeout(10):
        while True:
            for channel in await ari.channels():
                if channel.state == "Up":
                    return channel
            await asyncio.sleep(0.02)


async def test_an_intruder_is_refused_and_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "REGISTRATION_LIMIT", 2.0)
    it = town(tmp_path, {})
    wrong = Secrets("r", "a", "m", "wrong", "k", {"101": "wrong"})
    async with switchboard(
        it.settings,
        it.secrets,
        [QueueSpec("accueil", "Accueil")],
        [PhoneSpec("101", "A", ("accueil",))],
    ) as asterisk:
        async with Network(tmp_path / "n", it.settings, wrong) as network, telephones(network) as p:
            with pytest.raises(AsteriskError, match="the call was not answered"):
                async with p.call(TOWN_HALL) as caller:
                    await caller.until_answered()
        with pytest.raises(AsteriskError, match="telephones do not register"):
            async with Network(tmp_path / "n", it.settings, wrong, ["101"]):
                pass
        assert "Unavailable" in await asterisk.rx("queue show accueil")
        log = (asterisk.home.log / "security.log").read_text(encoding="utf-8")
    assert re.search(r'SecurityEvent="ChallengeResponseFailed".*test-line', log)
    assert re.search(r'SecurityEvent="ChallengeResponseFailed".*poste-101', log)


async def test_telephones_that_cannot_register_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(public, "REGISTRATION_LIMIT", 1.0)
    it = town(tmp_path, {})  # no switchboard is running
    network = Network(tmp_path / "n", it.settings, it.secrets, ["101"])
    with pytest.raises(AsteriskError, match=r"telephones do not register.*\n[^$]*poste-101"):
        async with network:
            pass
