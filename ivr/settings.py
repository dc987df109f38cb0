"""What can be set, with its units, ranges and defaults; read by ``settings_file``."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    model_validator,
)

Port = Annotated[int, Field(ge=1024, le=65535)]
Seconds = Annotated[float, Field(gt=0, le=600)]
Days = Annotated[int, Field(ge=1, le=3650)]
Milliseconds = Annotated[int, Field(gt=0, le=60_000)]


def _at_home(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise ValueError(f"there is no user {path.parts[0].removeprefix('~')!r}") from error


Folder = Annotated[Path, AfterValidator(_at_home)]


class Section(BaseModel):
    """A table of ``ivr.toml``: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class Paths(Section):
    """Folders; relative ones are taken from the folder of ``ivr.toml``."""

    var: Folder = Path("var")
    """Everything written at run time: secrets, rendered configuration, database, speech."""
    knowledge: Folder = Path("knowledge")
    """FAQ, departments, hours, prompts."""
    voices: Folder = Path("voices")
    """Voice definitions and recorded prompts."""
    models: Folder = Field(
        default_factory=lambda: Path(platformdirs.user_cache_dir("allo-mairie")) / "models"
    )
    """Speech models, shared by all installations of a user."""


class Sip(Section):
    """Where Asterisk listens for SIP and RTP."""

    bind: IPv4Address = IPv4Address("127.0.0.1")
    """Address for SIP and RTP; loopback until the town decides otherwise."""
    port: Port = 5060
    """UDP port for SIP."""
    rtp_start: Port = 10000
    """First UDP port for sound."""
    rtp_end: Port = 10999
    """Last UDP port for sound; one call uses two."""
    local_nets: tuple[IPv4Network, ...] = ()
    """Networks reached without address translation."""
    external_address: IPv4Address | None = None
    """Public address, behind a translating router."""

    @model_validator(mode="after")
    def _ports_in_order(self) -> Sip:
        if self.rtp_end - self.rtp_start < 20:
            raise ValueError("rtp_end must be at least 20 above rtp_start")
        return self


class Trunk(Section):
    """The line to the telephone provider."""

    mode: Literal["none", "registration", "addresses"] = "none"
    """``registration``: we register with the provider; ``addresses``: it calls from known ones."""
    host: str = ""
    """The provider's SIP server, ``name`` or ``name:port``."""
    username: str = ""
    """Account at the provider, for registration."""
    password: SecretStr = SecretStr("")
    """Password at the provider; better given by IVR_TRUNK_PASSWORD than in the file."""
    addresses: tuple[IPv4Network, ...] = ()
    """The provider's addresses or networks, for ``addresses``."""
    number: str = Field(default="", pattern=r"^(\+?[0-9]{3,15})?$")
    """The town hall's own number, presented on outgoing calls."""
    test_line: bool = True
    """Accept the calls of ``ivr call``: loopback only, with a generated password."""

    @property
    def can_dial_out(self) -> bool:
        """Whether calls can go out through it."""
        return self.mode != "none" and bool(self.host)

    @model_validator(mode="after")
    def _complete(self) -> Trunk:
        if not re.fullmatch(r"([A-Za-z0-9.-]+(:[0-9]{1,5})?)?", self.host):
            raise ValueError("host must be a host name or address, with an optional :port")
        if not re.fullmatch(r"[A-Za-z0-9+._@-]*", self.username):
            raise ValueError("username has a character that SIP does not allow")
        if re.search(r"[\x00-\x1f;\"]", self.password.get_secret_value()):
            raise ValueError("password must not contain quotes, semicolons or control characters")
        if self.mode == "registration" and not (self.host and self.username):
            raise ValueError("mode 'registration' needs host and username")
        if self.mode == "addresses" and not self.addresses:
            raise ValueError("mode 'addresses' needs at least one of the provider's addresses")
        return self


class Asterisk(Section):
    """The telephone exchange, driven over loopback."""

    http_port: Port = 8088
    """ARI and media, on loopback only."""
    ami_port: Port = 5038
    """Manager interface, on loopback only."""
    tree: Folder | None = None
    """An unpacked Asterisk to use instead of the system's or the one set-up unpacked."""
    sounds: Folder | None = None
    """Where the switchboard writes sounds that Asterisk plays, perhaps as another user; by default
    ``sounds`` in ``var``."""


class Redis(Section):
    """Our own Redis, on loopback with a generated password."""

    port: Port = 6390
    """TCP port on loopback."""


class Database(Section):
    """The call log."""

    url: str = ""
    """SQLAlchemy URL; empty means SQLite in ``var/``. PostgreSQL: ``postgresql+psycopg://…``."""


class Hearing(Section):
    """Speech in."""

    engine: Literal["auto", "vosk", "whisper"] = "auto"
    """``auto``: Vosk when a French model is present, else Whisper."""
    vosk_model: str = ""
    """Name in the manifest of models, or a folder; empty means the best French one present."""
    whisper_model: str = ""
    """Folder of a multilingual Whisper for CTranslate2; empty means Whisper base."""
    workers: int = Field(default=0, ge=0, le=64)
    """Threads for recognition; 0 means one per core."""
    max_waiting: int = Field(default=8, ge=0, le=1000)
    """Utterances that may wait for a thread before callers are asked to use the keypad."""
    end_of_speech: Milliseconds = 550
    """Silence after which the caller is taken to have finished, in ms."""
    silence: Seconds = 6.0
    """Silence after a question before the caller is helped, in seconds."""
    longest_utterance: Seconds = 20.0
    """An utterance is cut here, in seconds (Whisper's window is 30)."""


class Speaking(Section):
    """Speech out."""

    voice: str = "siwis"
    """A file of ``voices/``, without its ``.yaml``."""
    workers: int = Field(default=0, ge=0, le=64)
    """Threads for synthesis; 0 means one per core."""


class Calls(Section):
    """Limits of one call."""

    longest: Seconds = 600.0
    """A call is passed to the operators' queue after this long with the machine, in seconds."""
    at_once: int = Field(default=100, ge=1, le=2000)
    """Calls taken by the machine at once; further ones go straight to the operators' queue."""
    satisfaction: bool = False
    """Ask callers for a mark from 1 to 5 before goodbye."""


class Messages(Section):
    """Spoken messages, the only sound that is ever kept, and only after the caller is told."""

    offered: bool = True
    """Let callers leave a spoken message when nobody can be reached."""
    longest: Seconds = 120.0
    """A message is cut here, in seconds."""
    silence: Seconds = 4.0
    """Silence after which a message is taken to be complete, in seconds."""


class Retention(Section):
    """How many days what is known of people is kept; see docs/fr/registre.md."""

    transcripts: Days = 30
    """What callers said and were told; then only which question it was remains."""
    numbers: Days = 90
    """Numbers and names of callers; then a pseudonym, by which calls can still be counted."""
    messages: Days = 30
    """Spoken messages, sound and text."""
    notes: Days = 90
    """What operators wrote about a call or a callback."""
    calls: Days = 1095
    """That a call took place: times, department, outcome; what the figures are made of."""
    audit: Days = 365
    """Who signed in and changed what in the console, and what was removed when."""
    hour: int = Field(default=4, ge=0, le=23)
    """The hour of the day, on the town's clocks, at which is removed what is older."""

    @model_validator(mode="after")
    def _calls_last(self) -> Retention:
        longest = max(self.transcripts, self.numbers, self.messages, self.notes)
        if self.calls < longest:
            raise ValueError(
                f"calls must be at least {longest}: what belongs to a call is kept no longer"
            )
        return self


class Console(Section):
    """The web pages of admins and operators."""

    bind: IPv4Address = IPv4Address("127.0.0.1")
    """Where they are served; loopback, behind a proxy that speaks TLS, until set otherwise."""
    port: Port = 8090
    """TCP port."""
    proxies: tuple[IPv4Network, ...] = ()
    """Proxies whose word is taken for the browser's address and for https."""
    idle: float = Field(default=60.0, gt=0, le=1440)
    """Minutes without a click after which one has to sign in again."""
    longest: float = Field(default=12.0, gt=0, le=168)
    """Hours after which one has to sign in again, whatever one does."""


class Callbacks(Section):
    """How people are called back."""

    attempts: int = Field(default=4, ge=1, le=20)
    """Times that a citizen is dialled before a person decides."""
    intervals: tuple[Annotated[int, Field(ge=1, le=10_080)], ...] = Field(
        default=(15, 60, 240), min_length=1
    )
    """Minutes after the first attempt, the second and so on; the last one goes on."""
    operator_rings: int = Field(default=25, ge=5, le=60)
    """Seconds that the operator's telephone rings."""
    citizen_rings: int = Field(default=40, ge=10, le=120)
    """Seconds that the citizen's telephone rings."""
    foreign: bool = False
    """Call numbers abroad back, too."""
    premium: bool = False
    """Call numbers back that cost more than an ordinary one, too."""
    missed: bool = False
    """Call those back, too, who hung up in the queue and have not been spoken with since."""


class Mail(Section):
    """The summary of the day before, sent by e-mail once a day."""

    host: str = Field(default="", pattern=r"^[A-Za-z0-9.:-]*$")
    """The mail server's name or address; empty: no summary is sent."""
    port: int = Field(default=587, ge=1, le=65535)
    """TCP port: 587 for ``starttls``, 465 for ``tls``, 25 for ``none``, as a rule."""
    tls: Literal["none", "starttls", "tls"] = "starttls"
    """Encryption: from the first byte (``tls``), or asked for at the start (``starttls``)."""
    user: str = ""
    """Account at the mail server; empty when it asks for none."""
    password: SecretStr = SecretStr("")
    """Its password; better given by IVR_MAIL_PASSWORD than in the file."""
    sender: str = ""
    """Address that the summary comes from."""
    to: tuple[str, ...] = Field(default=(), max_length=20)
    """Addresses that it goes to."""
    hour: int = Field(default=7, ge=0, le=23)
    """The hour of the day, on the town's clocks, from which it is sent."""

    @model_validator(mode="after")
    def _complete(self) -> Mail:
        for name, addresses in (("sender", filter(None, (self.sender,))), ("to", self.to)):
            for address in addresses:
                if not re.fullmatch(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]+@[A-Za-z0-9.-]+", address):
                    raise ValueError(f"{name}: {address!r} is not an e-mail address")
        if self.host and not (self.sender and self.to):
            raise ValueError("host is set: sender and to are needed as well")
        if self.user and self.tls == "none":
            raise ValueError("user needs tls: the password would travel in clear")
        return self


class Log(Section):
    """What is printed."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least level printed."""


class Settings(Section):
    """All settings. See the commented sample ``ivr.toml.sample``."""

    paths: Paths = Field(default_factory=Paths)
    sip: Sip = Field(default_factory=Sip)
    trunk: Trunk = Field(default_factory=Trunk)
    asterisk: Asterisk = Field(default_factory=Asterisk)
    redis: Redis = Field(default_factory=Redis)
    database: Database = Field(default_factory=Database)
    hearing: Hearing = Field(default_factory=Hearing)
    speaking: Speaking = Field(default_factory=Speaking)
    calls: Calls = Field(default_factory=Calls)
    messages: Messages = Field(default_factory=Messages)
    retention: Retention = Field(default_factory=Retention)
    console: Console = Field(default_factory=Console)
    callbacks: Callbacks = Field(default_factory=Callbacks)
    mail: Mail = Field(default_factory=Mail)
    log: Log = Field(default_factory=Log)

    @property
    def messages_folder(self) -> Path:
        """Where spoken messages are kept."""
        return self.paths.var / "messages"

    @property
    def kept_knowledge(self) -> Path:
        """The last good version of the knowledge, for when the files are broken."""
        return self.paths.var / "knowledge.good"

    @property
    def sounds(self) -> Path:
        """Folder of the sounds that the switchboard makes and Asterisk plays."""
        return self.asterisk.sounds or (self.paths.var / "sounds").absolute()

    @property
    def database_url(self) -> str:
        """SQLAlchemy URL of the call log."""
        return self.database.url or f"sqlite:///{self.paths.var / 'calls.sqlite'}"
