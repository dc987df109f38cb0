"""What ARI says, parsed at the edge into frozen types; fields that nobody uses are not read."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class Party(_Message):
    """A caller id as the network gave it: not cleaned."""

    name: str = ""
    number: str = ""


class Place(_Message):
    """Where a channel is in the dialplan."""

    context: str = ""
    exten: str = ""
    app_name: str = ""
    app_data: str = ""

    def is_in(self, app: str) -> bool:
        """Whether the channel is with the application ``app``."""
        return self.app_name == "Stasis" and self.app_data.split(",")[0] == app


class Channel(_Message):
    """A leg of a call in Asterisk."""

    id: str
    name: str
    state: str
    """``Up`` once answered; ``Ring``, ``Ringing``, ``Down``…"""
    caller: Party = Party()
    connected: Party = Party()
    dialplan: Place = Place()


class Bridge(_Message):
    """A conference of channels."""

    id: str
    channels: tuple[str, ...] = ()


class MediaVariables(_Message):
    """What externalMedia tells about the socket."""

    connection_id: str = Field(alias="MEDIA_WEBSOCKET_CONNECTION_ID", min_length=1)


class MediaChannel(_Message):
    """A channel whose sound is ours."""

    id: str
    channelvars: MediaVariables


class Variable(_Message):
    """The value of a channel variable."""

    value: str


class Refusal(_Message):
    """The body of an error."""

    message: str = ""


class StasisStart(_Message):
    """A channel has entered our application."""

    type: Literal["StasisStart"]
    timestamp: AwareDatetime
    channel: Channel
    args: tuple[str, ...] = ()


class StasisEnd(_Message):
    """A channel has left our application."""

    type: Literal["StasisEnd"]
    channel: Channel


class ChannelDestroyed(_Message):
    """A channel no longer exists."""

    type: Literal["ChannelDestroyed"]
    channel: Channel
    cause: int = 0
    """Q.850 cause: 16 normal, 17 busy, 19 no answer, 21 refused…"""
    cause_txt: str = ""


class ChannelHangupRequest(_Message):
    """Somebody wants a channel to end."""

    type: Literal["ChannelHangupRequest"]
    channel: Channel


class ChannelStateChange(_Message):
    """A channel rings, or has been answered."""

    type: Literal["ChannelStateChange"]
    channel: Channel


class ChannelDtmfReceived(_Message):
    """The far end pressed a key."""

    type: Literal["ChannelDtmfReceived"]
    channel: Channel
    digit: str = Field(pattern=r"^[0-9*#A-D]$")


class ApplicationReplaced(_Message):
    """Another socket has registered our application's name."""

    type: Literal["ApplicationReplaced"]
    application: str


Event = (
    StasisStart
    | StasisEnd
    | ChannelDestroyed
    | ChannelHangupRequest
    | ChannelStateChange
    | ChannelDtmfReceived
    | ApplicationReplaced
)

_EVENT: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="type")])


class NotUnderstood(Exception):
    """A message that is malformed, or (``unused``) of a type that nobody here uses."""

    def __init__(self, key: str, message: str, *, unused: bool = False) -> None:
        super().__init__(message)
        self.key = key
        self.unused = unused


def parse_event(text: str) -> Event:
    """An event of the event socket; raises NotUnderstood."""
    try:
        return _EVENT.validate_json(text)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        message = f"{place}: {first['msg']}" if place else first["msg"]
        unused = first["type"] == "union_tag_invalid"
        key = str(first["ctx"]["tag"]) if unused else f"{place}:{first['type']}"
        raise NotUnderstood(key, message, unused=unused) from error
