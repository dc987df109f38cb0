"""The page of figures in a real browser, on some invented weeks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from playwright.async_api import Browser

from ivr.demo.commands import write
from ivr.demo.year import Scale
from tests.console import ADMIN, browsing, console, fits, serious

pytestmark = pytest.mark.browser


async def test_three_weeks_of_figures(browser: Browser, tmp_path: Path) -> None:
    async with console(tmp_path, demonstration=True) as site:
        parts = site.parts
        knowledge, now = parts.store.current, datetime.now(UTC)
        await write(parts.database, knowledge, site.settings, Scale(21, 120, seed=5), now)
        async with browsing(browser, site, ADMIN) as page:
            await page.goto("/chiffres?periode=7-jours")
            assert "appels perdus sur" in await page.locator(".big").inner_text()
            for chart in await page.locator("figure.chart svg").all():
                bars = [await one.bounding_box() for one in await chart.locator("rect").all()]
                assert any(bar and bar["height"] > 20 for bar in bars), "an empty chart"
            assert await serious(page) == []
            await fits(page, "chiffres")

            await page.get_by_label("Du", exact=True).fill("2026-03-02")
            await page.get_by_label("au", exact=True).fill("2026-03-01")
            await page.get_by_role("button", name="Voir").click()
            await page.get_by_text("échangez les deux dates").wait_for()
            await page.get_by_role("link", name="30 derniers jours").click()
            async with page.expect_download() as download:
                await page.get_by_role("link", name="Toutes les questions (CSV)").click()
            assert ";" in (await (await download.value).path()).read_text(encoding="utf-8-sig")
