"""What earlier runs spoke and learnt: towns of tests need not speak and learn it again."""

from __future__ import annotations

from pathlib import Path

import platformdirs

KEPT = Path(platformdirs.user_cache_dir("allo-mairie")) / "tests"
"""Each file is named by all that shapes it, so that none is out of date."""


def with_what_is_kept(var: Path) -> Path:
    """Make this ``var/``, with the speech and the matchers of earlier runs in it."""
    var.mkdir()
    for made in ("speech", "matcher"):
        (KEPT / made).mkdir(parents=True, exist_ok=True)
        (var / made).symlink_to(KEPT / made)
    return var
