"""What many tests share, made once: a switchboard's Asterisk, and a public network beside it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from ivr.asterisk.process import AsteriskProcess, switchboard
from ivr.asterisk.render import PhoneSpec, QueueSpec
from ivr.errors import AsteriskError
from ivr.secrets import Secrets, load_or_create
from ivr.settings import Settings
from ivr.testcaller.network import Network, private_settings
from ivr.testcaller.telephones import Telephones, telephones
from tests.kept import with_known_meanings

if TYPE_CHECKING:
    from playwright.async_api import Browser
    from xdist.remote import Producer
    from xdist.scheduler import Scheduling

    from ivr.asterisk.ari import AriAddress
    from ivr.call import Mind
    from ivr.calllog.database import Database
    from ivr.knowledge.base import Knowledge
    from tests.console import Console

COSTLY = ("telephone", "speech", "browser")
"""Marks of the tests that take longest; where processes share the tests, these begin."""


def pytest_configure(config: pytest.Config) -> None:
    """Examples are the same in every run, however slow the machine."""
    hypothesis.settings.load_profile("ci")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if _worker(config) is not None:
        items.sort(key=lambda item: [item.get_closest_marker(kind) is None for kind in COSTLY])


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Where processes share the tests, one that computes must not hold up the one with the calls.

    The calls are placed first: a process that has done with them, or has none, may be slower.
    """
    if _worker(item.config) and not item.get_closest_marker("telephone") and os.nice(0) == 0:
        os.nice(10)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> Scheduling:
    """Where processes share the tests, what shares something costly stays together.

    That is each file, and all real calls: they are placed one after the other, on a processor
    that is free for them.
    """
    from xdist.scheduler import LoadFileScheduling

    class Groups(LoadFileScheduling):  # type: ignore[misc]
        def _split_scope(self, nodeid: str) -> str:
            return _group(super()._split_scope(nodeid))

    config.option.loadscopereorder = False  # the costly ones begin
    return Groups(config, log)


@cache
def _group(file: str) -> str:
    calls = "pytest.mark.telephone" in (Path(__file__).parents[1] / file).read_text("utf-8")
    return "calls" if calls else file


def _worker(config: pytest.Config) -> str | None:
    """``gw0``, ``gw1``… in a process of ``pytest -n``, else None."""
    inputs: dict[str, str] = getattr(config, "workerinput", {})
    return inputs.get("workerid")


QUEUES = (
    QueueSpec("accueil", "Accueil"),
    QueueSpec("etat-civil", "État civil", overflow="accueil"),
    QueueSpec("urbanisme", "Urbanisme", extension="130"),
)
"""``urbanisme`` has no operator and no overflow."""
PHONES = (
    PhoneSpec("101", "Élodie Martin", ("accueil",)),
    PhoneSpec("102", "Jean-Noël D'Hervé", ("etat-civil",)),
)


@pytest.fixture(scope="session")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """A switchboard of the tests' own: a temporary ``var/``, free ports, the rest default."""
    return private_settings(with_known_meanings(tmp_path_factory.mktemp("switchboard") / "var"))


@pytest.fixture(scope="session")
def secrets(settings: Settings) -> Secrets:
    """Its generated passwords."""
    return load_or_create(settings.paths.var, [phone.extension for phone in PHONES])


@pytest.fixture(scope="session")
def town() -> Knowledge:
    """The knowledge that the repository ships."""
    from ivr.knowledge.load import load

    return load(Path(__file__).parents[1] / "knowledge")


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """An empty call log, in the folder of the test."""
    from ivr.calllog.database import Database

    database = Database(f"sqlite:///{tmp_path / 'calls.sqlite'}")
    yield database
    await database.close()


@pytest.fixture
def sounds(tmp_path: Path) -> Path:
    """Where that call log's spoken messages lie; empty."""
    folder = tmp_path / "messages"
    folder.mkdir()
    return folder


@pytest.fixture(scope="session")
def mind(settings: Settings) -> Mind:
    """The dialogue and the matcher of the sample town."""
    from ivr import (  # loads the libraries of speech and meaning: only where they are needed
        app,
        exchange,
    )

    return app.think(exchange.learn(settings), settings)


@pytest.fixture(scope="session")
async def asterisk(settings: Settings, secrets: Secrets) -> AsyncIterator[AsteriskProcess]:
    """Its Asterisk, running. No application is connected unless a test connects one."""
    try:
        process = switchboard(settings, secrets, QUEUES, PHONES)
    except AsteriskError as error:
        pytest.fail(f"these tests need Asterisk: {error}")
    async with process:
        yield process


@pytest.fixture(scope="session")
def address(settings: Settings, secrets: Secrets) -> AriAddress:
    """Its ARI."""
    from tests.exchange import ari_address

    return ari_address(settings, secrets)


@pytest.fixture
async def nothing_left(asterisk: AsteriskProcess) -> AsyncIterator[None]:
    """A test that ends with no channel in it."""
    from tests.exchange import until_empty

    yield
    await until_empty(asterisk)


@pytest.fixture(scope="session")
async def network(
    asterisk: AsteriskProcess,
    settings: Settings,
    secrets: Secrets,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Network]:
    """The public network beside it, with the operators' telephones registered."""
    root = tmp_path_factory.mktemp("network")
    async with Network(root, settings, secrets, [phone.extension for phone in PHONES]) as network:
        yield network


@pytest.fixture(scope="session")
async def phones(network: Network) -> AsyncIterator[Telephones]:
    """The people on it: callers who dial, and operators at their desks."""
    async with telephones(network) as phones:
        yield phones


@pytest.fixture(scope="session")
async def console(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Console]:
    """A console with a database and knowledge of its own, shared by all tests of pages."""
    from tests import console as harness

    async with harness.console(tmp_path_factory.mktemp("console")) as running:
        yield running


@pytest.fixture(scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Chromium, shared by all tests that look at pages."""
    from tests import console as harness

    async with harness.chromium() as browser:
        yield browser
