"""Proves that every key a program may rely on is documented."""

import msgspec

from answerback.faces import told
from tests.faces.reference import DOCUMENT

SHAPES = (
    told.WaitTold,
    told.StepTold,
    told.CopyTold,
    told.TimelineTold,
    told.FileTold,
    told.MessageTold,
    told.DeviceTold,
    told.StatusTold,
    told.PathTold,
    told.EventTold,
    told.LinkTold,
    told.ContactTold,
    told.CodeTold,
    told.AsideTold,
    told.AsideStepTold,
    told.FallbackTold,
)


def undocumented(*shapes: type[msgspec.Struct]) -> list[str]:
    text = DOCUMENT.read_text(encoding="utf-8")
    return [
        f"{shape.__name__}.{field}" for shape in shapes for field in shape.__struct_fields__ if f"`{field}`" not in text
    ]


def test_every_key_is_documented() -> None:
    assert undocumented(*SHAPES) == []


def test_a_key_nobody_documented_is_found() -> None:
    class Planted(msgspec.Struct):
        planted_key: int

    assert undocumented(Planted) == ["Planted.planted_key"]


def test_what_is_unknown_is_null_and_not_left_out() -> None:
    told_file = msgspec.to_builtins(told.FileTold("a", 1, "text/plain", None))
    assert told_file == {"name": "a", "size_bytes": 1, "media_type": "text/plain", "path": None}
