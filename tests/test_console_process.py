"""``ivr console`` as a process: it ends in order when it is told to stop."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from pathlib import Path

import httpx
import pytest

from ivr.testcaller.network import free_port
from tests.console import PASSWORD

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("told", [signal.SIGTERM, signal.SIGINT])
async def test_a_console_told_to_stop_ends_without_a_trace(
    tmp_path: Path, told: signal.Signals
) -> None:
    port = free_port()
    config = tmp_path / "ivr.toml"
    config.write_text(
        f'[paths]\nvar = "{tmp_path / "var"}"\nknowledge = "{ROOT / "knowledge"}"\n'
        f"[console]\nport = {port}\n[redis]\nport = {free_port()}\n"
    )
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("ivr"), "console", cwd=tmp_path,
        env=os.environ | {"IVR_CONFIG": str(config)},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    told_so_far = ""
    try:
        async with asyncio.timeout(120):
            while f"running on http://127.0.0.1:{port}" not in told_so_far:
                line = await process.stdout.readline()
                assert line, told_so_far
                told_so_far += line.decode()
            (link,) = re.findall(r"http://\S+/invitation/\S+", told_so_far)
            async with httpx.AsyncClient(timeout=60) as client:
                chosen = {"nouveau": PASSWORD, "encore": PASSWORD}
                assert (await client.post(link, data=chosen)).status_code == 303
                flow = f"http://127.0.0.1:{port}/direct/flux"
                async with client.stream("GET", flow) as followed:  # a page that is open
                    parts = followed.aiter_lines()
                    assert await anext(parts)
                    process.send_signal(told)
                    async for _ in parts:
                        pass
            rest = (await process.stdout.read()).decode()
            assert (await process.wait(), "Traceback" in rest, "Error" in rest) == (
                0, False, False,
            ), rest  # fmt: skip
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
