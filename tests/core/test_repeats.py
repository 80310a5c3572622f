"""Proves that what did not open is given once more to whom it went, and not for ever."""

from answerback.core.repeats import LETTER_BYTES_MAX, LETTERS_MAX, REPEATS_MAX, Repeats
from answerback.model.ids import DeviceId, EnvelopeId

BEA, EVE = DeviceId(b"b" * 16), DeviceId(b"e" * 16)


def envelope(number: int) -> EnvelopeId:
    return EnvelopeId(number.to_bytes(16, "big"))


def test_a_letter_is_given_once_for_its_envelope_and_only_to_whom_it_went() -> None:
    repeats = Repeats()
    repeats.took(envelope(1), BEA, b"receipt")
    assert repeats.again(envelope(2), BEA) is None
    assert repeats.again(envelope(1), EVE) is None
    assert repeats.again(envelope(1), BEA) == b"receipt"
    assert repeats.again(envelope(1), BEA) is None


def test_two_devices_that_can_open_nothing_fall_silent() -> None:
    repeats = Repeats()
    said = []
    for number in range(REPEATS_MAX + 3):
        repeats.took(envelope(number), BEA, b"receipt")
        said.append(repeats.again(envelope(number), BEA))
    assert said == [b"receipt"] * REPEATS_MAX + [None] * 3
    repeats.took(envelope(99), EVE, b"receipt")
    assert repeats.again(envelope(99), EVE) == b"receipt", "another device is another matter"


def test_memory_is_bounded_in_letters_and_in_bytes() -> None:
    repeats = Repeats()
    repeats.took(envelope(0), BEA, bytes(LETTER_BYTES_MAX + 1))
    assert repeats.again(envelope(0), BEA) is None
    for number in range(LETTERS_MAX + 1):
        repeats.took(envelope(number), BEA, number.to_bytes(LETTER_BYTES_MAX, "big"))
    assert repeats.again(envelope(0), BEA) is None, "the oldest went"
    assert repeats.again(envelope(1), BEA) == (1).to_bytes(LETTER_BYTES_MAX, "big")
    for number in range(2 * LETTERS_MAX):
        repeats.took(envelope(number), BEA, number.to_bytes(2, "big"))
        repeats.again(envelope(number), BEA)
    assert len(repeats._told) == LETTERS_MAX
