"""Secrets are generated once, kept private, and survive two starts at once and a kill."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from ivr.errors import SettingsError
from ivr.secrets import FILE, Secrets, load_or_create


def test_generated_once_and_private(tmp_path: Path) -> None:
    var = tmp_path / "var"
    first = load_or_create(var, ["101"])
    assert stat.S_IMODE((var / FILE).stat().st_mode) == 0o600
    words = [first.redis, first.ari, first.ami, first.test_line, *first.phones.values()]
    assert len(set(words)) == 5
    assert min(map(len, words)) == 32
    assert load_or_create(var, ["101"]) == first


def test_new_extensions_get_a_password_and_old_ones_keep_theirs(tmp_path: Path) -> None:
    first = load_or_create(tmp_path, ["101", "102"])
    second = load_or_create(tmp_path, ["103"])
    assert set(second.phones) == {"101", "102", "103"}
    assert {e: second.phones[e] for e in ("101", "102")} == first.phones
    assert second.ari == first.ari


def test_nothing_prints_a_password(tmp_path: Path) -> None:
    secrets = load_or_create(tmp_path, ["101"])
    shown = f"{secrets!r} {secrets} {[secrets]}"
    for word in (secrets.redis, secrets.ari, secrets.ami, secrets.phones["101"]):
        assert word not in shown


def test_a_loose_mode_is_tightened(tmp_path: Path) -> None:
    load_or_create(tmp_path)
    (tmp_path / FILE).chmod(0o644)
    load_or_create(tmp_path)
    assert stat.S_IMODE((tmp_path / FILE).stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('redis = "short"\n', ":1: redis: must be a text of 12 to 200"),
        ("# mine\nari = 12\n", ":2: ari: must be a text"),
        ('ami = "quote;and\\"quote-long-enough"\n', ":1: ami: must be a text"),
        ('[phones]\nfront-desk = "long-enough-word"\n', ":2: phones.front-desk: is no extension"),
        ('phones = "x"\n', ":1: phones: must be a table"),
        ('radis = "a-password-of-mine"\n', ":1: radis: unknown secret; there are: redis, ari"),
        ('ari = "long-enough-word\n', ":1: cannot be read; mend or delete it"),
    ],
)
def test_a_bad_file_is_named_and_left_as_it_is(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / FILE).write_text(text)
    with pytest.raises(SettingsError) as caught:
        load_or_create(tmp_path)
    assert f"{tmp_path / FILE}{said}" in str(caught.value)
    assert "long-enough-word" not in str(caught.value)
    assert (tmp_path / FILE).read_text() == text


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("a file in the way")
    with pytest.raises(SettingsError, match="cannot be used: "):
        load_or_create(tmp_path / "var")


def _start(var: Path, extensions: str) -> subprocess.Popen[str]:
    code = (
        "import sys; from pathlib import Path; from ivr.secrets import load_or_create as f;"
        "s = f(Path(sys.argv[1]), sys.argv[2].split()); print(s.ari, s.phones)"
    )
    command = [sys.executable, "-c", code, str(var), extensions]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def test_four_starts_at_once_agree(tmp_path: Path) -> None:
    starts = [_start(tmp_path, f"101 20{n}") for n in range(4)]
    said = [start.communicate(timeout=30)[0].split()[0] for start in starts]
    assert [start.returncode for start in starts] == [0] * 4
    end = load_or_create(tmp_path)
    assert set(said) == {end.ari}
    assert set(end.phones) == {"101", "200", "201", "202", "203"}


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_killed_in_mid_write(tmp_path: Path, call: str) -> None:
    before = load_or_create(tmp_path, ["101"])
    code = (
        f"import os, signal; os.{call} = lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL);"
        f"from pathlib import Path; from ivr.secrets import load_or_create as f;"
        f"f(Path({str(tmp_path)!r}), ['102'])"
    )
    killed = subprocess.run([sys.executable, "-c", code], check=False, timeout=30)
    assert killed.returncode == -signal.SIGKILL
    after = load_or_create(tmp_path, ["101", "102"])
    assert isinstance(after, Secrets)
    assert after.phones["101"] == before.phones["101"]
    assert after.redis == before.redis
    assert [name for name in os.listdir(tmp_path) if name.endswith(".part")] == []


# --- a copy handed over by systemd --------------------------------------------------------------


def test_the_copy_of_systemd_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    ours = load_or_create(tmp_path / "var", ["101"])
    given = tmp_path / "credentials"
    given.mkdir()
    (given / FILE).write_bytes((tmp_path / "var" / FILE).read_bytes())
    (given / FILE).chmod(0o440)
    environ = {"CREDENTIALS_DIRECTORY": str(given)}
    assert load_or_create(tmp_path / "other", ["101"], environ) == ours
    assert stat.S_IMODE((given / FILE).stat().st_mode) == 0o440
    assert not (tmp_path / "other").exists()


def test_the_copy_of_systemd_must_have_all(tmp_path: Path) -> None:
    load_or_create(tmp_path, ["101"])
    with pytest.raises(
        SettingsError, match=r"secrets.toml: phones.102: is missing; run ivr render"
    ):
        load_or_create(tmp_path, ["101", "102"], {"CREDENTIALS_DIRECTORY": str(tmp_path)})


def test_other_credentials_of_systemd_are_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}
    assert load_or_create(tmp_path / "var", environ=environ) == load_or_create(tmp_path / "var")
