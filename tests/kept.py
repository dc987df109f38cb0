"""What earlier runs spoke and learnt: towns of tests need not speak and learn it again."""

from __future__ import annotations

import shutil
from pathlib import Path

import platformdirs

KEPT = Path(platformdirs.user_cache_dir("allo-mairie")) / "tests"
"""Clips and meanings are named by all that shapes them; what was learnt depends on what was learnt
before, too."""


def with_what_is_kept(var: Path) -> Path:
    """Make this ``var/``, with all of earlier runs in it: for switchboards that take calls."""
    var.mkdir()
    for made in ("speech", "matcher"):
        (KEPT / made).mkdir(parents=True, exist_ok=True)
        (var / made).symlink_to(KEPT / made)
    return var


def with_known_meanings(var: Path) -> Path:
    """Make this ``var/``, in which everything is learnt anew, in half the time."""
    (var / "matcher").mkdir(parents=True)
    for known in (KEPT / "matcher").glob("meaning-*.npz"):
        shutil.copy(known, var / "matcher")
    return var
