"""Operators transfer callers, on real telephones."""

from __future__ import annotations

import pytest

from ivr.asterisk.process import AsteriskProcess
from ivr.errors import AsteriskError
from ivr.testcaller.telephones import Telephones
from tests.test_dialplan import TOWN_HALL, hears, no_call_left  # noqa: F401 - a fixture

pytestmark = pytest.mark.telephone


async def test_a_colleague_gets_the_caller_with_number_and_reason(phones: Telephones) -> None:
    async with phones.call(TOWN_HALL, "0612345678") as caller:
        first = await phones.desk_rings("101")
        await first.answer()
        await hears(first, caller)  # only who has been joined can be transferred
        await first.transfer("102")
        second = await phones.desk_rings("102")
        assert (second.presented.number, second.presented.name) == ("0612345678", "Accueil")
        await second.answer()
        await hears(second, caller)
        await second.hang_up()
        await caller.until_ended()


async def test_a_colleague_who_does_not_want_the_caller(
    asterisk: AsteriskProcess, phones: Telephones
) -> None:
    async with phones.call(TOWN_HALL, "0612345678") as caller:
        first = await phones.desk_rings("101")
        await first.answer()
        await hears(first, caller)  # only who has been joined can be transferred
        await first.transfer("102")
        await (await phones.desk_rings("102")).refuse()
        again = await phones.desk_rings("101", 20)
        assert again.presented.number == "0612345678"
        await again.answer()
        await hears(again, caller)


async def test_a_colleague_is_asked_first(phones: Telephones) -> None:
    async with phones.call(TOWN_HALL, "0612345678") as caller:
        first = await phones.desk_rings("101")
        await first.answer()
        async with phones.desk_calls("102", "101") as busy:  # who has a caller is rung by nobody
            with pytest.raises(AsteriskError, match="not answered"):
                await busy.until_answered()
        async with phones.desk_calls("101", "102") as asking:
            second = await phones.desk_rings("102")
            assert second.presented.number == "101"
            await second.answer()
            await hears(second, asking)
            await first.transfer_to(asking, "102")
            await asking.until_ended()
        await first.until_ended()
        await hears(second, caller)
        await hears(caller, second)
        await second.hang_up()
        await caller.until_ended()


@pytest.mark.parametrize("number", ["0232001099", "999"])
async def test_no_other_number_gets_a_caller(number: str, phones: Telephones) -> None:
    async with phones.call(TOWN_HALL, "0612345678") as caller:
        first = await phones.desk_rings("101")
        await first.answer()
        await hears(first, caller)  # only who has been joined can be transferred
        await first.transfer(number)
        kept = await phones.transfer_refused()
        await hears(kept, caller)
