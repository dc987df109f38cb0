"""Settings are read from file and environment, every fault is named, and the sample has all."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from ivr.errors import SettingsError
from ivr.settings import Section, Settings
from ivr.settings_file import load, variable_name

SAMPLE = Path(__file__).parents[1] / "ivr.toml.sample"
EXAMPLES = {
    "console.proxies",
    *("sip.local_nets", "sip.external_address", "asterisk.tree", "asterisk.sounds"),
    *("trunk.host", "trunk.username", "trunk.addresses", "trunk.number"),
}
"""Keys without a default that could be shown."""


def _keys() -> set[str]:
    return {
        f"{section}.{key}"
        for section, field in Settings.model_fields.items()
        if isinstance(field.annotation, type) and issubclass(field.annotation, Section)
        for key in field.annotation.model_fields
    }


def _write(folder: Path, text: str) -> Path:
    file = folder / "ivr.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_sample_has_every_key_with_its_default(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^#(?=[a-z_]+ = )", "", SAMPLE.read_text(encoding="utf-8"))
    shown = {
        f"{s}.{key}": value
        for s, table in tomllib.loads(text).items()
        for key, value in table.items()
    }
    assert set(shown) == _keys()
    sample = load(_write(tmp_path, text), {}).model_dump(mode="json")
    default = load(_write(tmp_path, ""), {}).model_dump(mode="json")
    differing = {
        f"{section}.{key}"
        for section, table in sample.items()
        for key, value in table.items()
        if value != default[section][key]
    }
    assert differing - {"paths.models"} == EXAMPLES  # that one follows XDG_CACHE_HOME


def test_the_sample_as_it_is_changes_nothing(tmp_path: Path) -> None:
    file = _write(tmp_path, SAMPLE.read_text(encoding="utf-8"))
    assert load(file, {}) == load(_write(tmp_path, ""), {})


def test_every_key_has_a_variable(tmp_path: Path) -> None:
    environ = {
        "IVR_SIP_PORT": "5070",
        "IVR_SIP_LOCAL_NETS": "10.0.0.0/8, 192.168.1.0/24",
        "IVR_TRUNK_TEST_LINE": "false",
        "IVR_LOG_LEVEL": "DEBUG",
        "HOME": "/nowhere",
    }
    settings = load(_write(tmp_path, "[sip]\nport = 5061\n"), environ)
    assert settings.sip.port == 5070
    assert [str(net) for net in settings.sip.local_nets] == ["10.0.0.0/8", "192.168.1.0/24"]
    assert settings.trunk.test_line is False
    assert len({variable_name(*key.split(".")) for key in _keys()}) == len(_keys())


def test_folders_are_taken_from_the_file_s_own(tmp_path: Path) -> None:
    file = _write(tmp_path, '[paths]\nvar = "elsewhere"\n[asterisk]\ntree = "unpacked"\n')
    settings = load(file, {"IVR_PATHS_VOICES": "/srv/voices"})
    assert settings.paths.var == tmp_path / "elsewhere"
    assert settings.paths.voices == Path("/srv/voices")
    assert settings.asterisk.tree == tmp_path / "unpacked"
    assert load(None, {"IVR_CONFIG": str(file)}).paths.var == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sip]\nprot = 5060\n", "ivr.toml:2: sip.prot: unknown key"),
        ("\n[spi]\nport = 5060\n", "ivr.toml:2: spi: unknown key"),
        (
            "[sip]\nport = 80\n",
            "ivr.toml:2: sip.port: Input should be greater than or equal to 1024",
        ),
        ('[sip]\nbind = "mairie"\n', "ivr.toml:2: sip.bind: "),
        ("sip = 5\n", "ivr.toml:1: sip: must be a table: [sip]"),
        ("\n[sip", "ivr.toml:2: not TOML"),
        ("[sip]\nport = \n", "ivr.toml:2: not TOML"),
        ('[trunk]\nmode = "registration"\n', "ivr.toml:1: trunk: mode 'registration' needs host"),
        ('[hearing]\nengine = "siri"\n', "ivr.toml:2: hearing.engine: "),
        ("[sip]\nrtp_start = 10000\nrtp_end = 10001\n", "sip: rtp_end must be at least 20 above"),
        ('[paths]\nvar = "~nobody-of-this-name/var"\n', "paths.var: "),
    ],
)
def test_a_fault_is_told_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load(_write(tmp_path, text), {})
    assert said in str(caught.value)


def test_all_faults_at_once(tmp_path: Path) -> None:
    file = _write(tmp_path, "[sip]\nport = 1\n[redis]\nport = 2\n")
    with pytest.raises(SettingsError) as caught:
        load(file, {"IVR_CALLS_AT_ONCE": "many", "IVR_CALL_AT_ONCE": "3"})
    assert {(str(f.file), f.line, f.where) for f in caught.value.faults} == {
        ("IVR_CALLS_AT_ONCE", 0, ""),
        ("IVR_CALL_AT_ONCE", 0, ""),
        (str(file), 2, "sip.port"),
        (str(file), 4, "redis.port"),
    }


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    file = _write(tmp_path, '[trunk]\npassword = "gehe;im"\n')
    with pytest.raises(SettingsError) as caught:
        load(file, {})
    assert "gehe" not in str(caught.value)
    settings = load(_write(tmp_path, '[trunk]\npassword = "geheim"\n'), {})
    assert "geheim" not in f"{settings!r} {settings}"


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no such file"):
        load(tmp_path / "none.toml", {})
    latin = tmp_path / "latin.toml"
    latin.write_bytes("# clé\n".encode("latin-1"))
    with pytest.raises(SettingsError, match="not UTF-8"):
        load(latin, {})
    with pytest.raises(SettingsError, match="cannot be read"):
        load(tmp_path, {})
