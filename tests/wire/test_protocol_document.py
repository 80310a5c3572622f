"""The protocol's page names every frame with every field, in order, and the limits as they are."""

import re
from typing import get_args

import msgspec
import pytest

from answerback.model.causes import Cause
from answerback.model.devices import Signed
from answerback.model.envelope import Delivery, Envelope
from answerback.wire import frames
from answerback.wire.connection import FRAMES_PATH, Phase
from answerback.wire.frame import Frame
from answerback.wire.frames import ClientFrame, RelayFrame
from tests.house.sources import ROOT

PAGE = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
LINES_MAX = 300
STRUCTS: list[type[msgspec.Struct]] = [
    value for value in vars(frames).values() if isinstance(value, type) and issubclass(value, msgspec.Struct)
]
PARTS: list[type[msgspec.Struct]] = [Envelope, Delivery, Signed]


def section(name: str) -> str:
    found = re.findall(rf"^#### {name}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert len(found) == 1, f"{name} has one section"
    return str(found[0])


def shape(kind: type[msgspec.Struct]) -> str:
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)
    tag = [f'"{info.tag}"'] if info.tag else []
    return f"`[{', '.join([*tag, *(field.name for field in info.fields)])}]`"


@pytest.mark.parametrize("kind", {*STRUCTS, *PARTS} - {Frame}, ids=lambda kind: kind.__name__)
def test_every_frame_and_part_is_described_field_by_field(kind: type[msgspec.Struct]) -> None:
    text = section(kind.__name__)
    assert text.startswith(shape(kind)), f"{kind.__name__} is {shape(kind)}"
    side = "relay" if kind in get_args(RelayFrame) else "device" if kind in get_args(ClientFrame) else "part"
    assert f"— {side}." in text


def test_nothing_is_described_that_does_not_exist() -> None:
    known = {kind.__name__ for kind in [*STRUCTS, *PARTS]}
    assert set(re.findall(r"^#### (\w+)$", PAGE, re.MULTILINE)) <= known
    named = set(re.findall(r"`((?:relay|network|account|recipient|trust|message)\.[a-z_]+)`", PAGE))
    assert named <= {cause.value for cause in Cause}
    assert len(named) > 10


def test_the_page_has_the_path_the_states_and_the_sizes() -> None:
    assert f"`{FRAMES_PATH}`" in PAGE
    rows = re.findall(r"^\| (strangers|resuming|challenged|claimed|open|ended) \|", PAGE, re.MULTILINE)
    assert rows == [phase.value for phase in Phase]
    for size in (f"{frames.FRAME_BYTES_MAX:,} bytes", f"{frames.BATCH_MAX} envelopes"):
        assert size in PAGE


def test_the_page_stays_short() -> None:
    assert len(PAGE.splitlines()) <= LINES_MAX
