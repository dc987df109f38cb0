"""Operators come and go in operators.yaml while a real Asterisk has calls."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from ivr.asterisk.process import AsteriskProcess
from ivr.asterisk.program import find_asterisk
from ivr.asterisk.render import MARK, mark, switchboard_home
from ivr.exchange import Exchange, plan, render_asterisk
from ivr.knowledge.store import Store
from ivr.operators.presence import sign_out
from ivr.secrets import load_or_create
from ivr.testcaller.network import Network, private_settings
from ivr.testcaller.telephones import telephones
from tests.exchange import TOWN_HALL
from tests.knowledge_folder import write
from tests.test_ami import connected
from tests.test_dialplan import hears

pytestmark = pytest.mark.telephone

BEFORE = """\
operators:
  - {name: Martine, extension: "101", departments: [accueil]}
  - {name: Jean, extension: "102", departments: [accueil, eau]}
"""
AFTER = BEFORE.replace("Jean", "Zoé").replace("102", "103")
"""Jean has left, Zoé is new."""


async def test_operators_come_and_go_while_callers_talk(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "ivr.exchange")
    root = write(tmp_path / "knowledge", {"operators.yaml": BEFORE})
    settings = private_settings(tmp_path / "var", {"paths": {"knowledge": root}})
    store = Store(root)
    render_asterisk(settings, store.current)
    secrets = load_or_create(settings.paths.var)
    asterisk = AsteriskProcess(find_asterisk(settings), switchboard_home(settings))
    async with (
        asterisk,
        Network(tmp_path / "desks", settings, secrets, ["101", "102"]) as network,
        telephones(network) as phones,
        connected(settings, secrets) as (ami, _),
    ):
        exchange = Exchange(settings, ami, store.current)
        keeping = asyncio.create_task(exchange.run())
        await sign_out(ami, "101")
        async with phones.call(TOWN_HALL, "0612345678") as caller:
            jean = await phones.desk_rings("102")
            await jean.answer()

            operators = root / "operators.yaml"
            operators.write_text(BEFORE.replace("102", "101"), encoding="utf-8")
            await store.look(exchange.take)
            assert not await store.look(exchange.take)
            operators.write_text(AFTER, encoding="utf-8")
            await store.look(exchange.take)
            assert await store.look(exchange.take)
            async with asyncio.timeout(30):
                while await ami.variable(MARK) != mark(*plan(store.current), store.current.wrap_up):
                    pass
            await hears(jean, caller)

            await network.process.rx("pjsip send register poste-102")
            async with asyncio.timeout(30):
                await network.process.until("pjsip show registrations", refused)
            members = {one.name: (one.paused, one.pause_reason) for one in await ami.members()}
            assert members == {"Martine": (True, "absent"), "Zoé": (False, "")}
            secrets = load_or_create(settings.paths.var)
            async with (
                Network(tmp_path / "new", settings, secrets, ["103"]) as more,
                telephones(more) as new_phones,
                phones.call(TOWN_HALL, "0687654321") as second,
            ):
                zoe = await new_phones.desk_rings("103")
                await zoe.answer()
                await hears(zoe, second)
            await hears(jean, caller)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
    assert "has taken up 2 telephones" in caplog.text


def refused(registrations: str) -> bool:
    """Whether the switchboard no longer lets 102 register."""
    lines = [line for line in registrations.splitlines() if "poste-102/" in line]
    return len(lines) == 1 and "Rejected" in lines[0]
