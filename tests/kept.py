"""What earlier runs spoke and learnt: towns of tests need not speak and learn it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import platformdirs

KEPT = Path(platformdirs.user_cache_dir("allo-mairie")) / "tests"
"""Clips are named by all that shapes them; of what was learnt, what no longer fits is made anew."""


def with_what_is_kept(var: Path) -> Path:
    """Make this ``var/``, with the speech and the matchers of earlier runs in it."""
    var.mkdir()
    for made in ("speech", "matcher"):
        (KEPT / made).mkdir(parents=True, exist_ok=True)
        (var / made).symlink_to(KEPT / made)
    return var


def with_a_copy_of_what_is_learnt(var: Path) -> Path:
    """Make this ``var/``, for a town whose knowledge is about to change."""
    var.mkdir()
    if (KEPT / "matcher").exists():
        shutil.copytree(KEPT / "matcher", var / "matcher")
    return var
