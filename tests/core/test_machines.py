"""Proves that the machines stand apart, and that nobody's name is shown by accident."""

from dataclasses import fields

from answerback.core.machines import Machines, Self
from answerback.core.sessions import Sessions
from answerback.crypto.identity import DeviceKeys
from tests.core.specimens import ANN, PHONE
from tests.core.world import PICKLE_KEY


def machines() -> Machines:
    own = Self(ANN, PHONE, "Ann's phone", "ann@example.org")
    return Machines(own, Sessions(DeviceKeys.generate(), PICKLE_KEY), lambda count: b"\x80" * count)


def test_a_draw_is_between_nothing_and_one() -> None:
    assert machines().draw() == 0x80808080 / 2**32


def test_who_this_is_is_shown_without_a_name_or_a_handle() -> None:
    shown = repr(machines().own)
    assert PHONE.hex() in shown
    assert "ann@" not in shown
    assert "Ann's" not in shown


def test_no_machine_holds_another() -> None:
    together = machines()
    parts = [getattr(together, field.name) for field in fields(together)]
    held = [part for part in parts if type(part).__module__.startswith("answerback.core")]
    for part in held:
        inside = [getattr(part, name, None) for name in getattr(type(part), "__slots__", ())]
        assert not any(other is part_of for other in held for part_of in inside if other is not together.own)
