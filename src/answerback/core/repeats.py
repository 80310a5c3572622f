"""Says once more what a device could not open, of the letters nobody else remembers.

Theory. A receipt or a call for repair ends with the relay's acceptance: nothing keeps it, because the message it
answers makes its sender ask again. But that asking comes after half a minute, and where a session broke, what was
lost is often the very call that would have mended it. The device that cannot open a letter says so at once; so its
author keeps the newest ones for as long as it runs, and seals them anew. Each only so often: two devices that can open
nothing of each other's must fall silent.
"""

from dataclasses import dataclass, field

from answerback.model.ids import DeviceId, EnvelopeId

LETTERS_MAX = 256
"""Letters remembered: a second's worth on a busy device, and it takes a round trip to hear that one did not open."""
LETTER_BYTES_MAX = 4096
"""A longer one, of a hundred receipts and more, is asked for again by those it answers."""
REPEATS_MAX = 2
"""The second in case the complaint came on a session that is as broken."""


@dataclass(slots=True)
class Repeats:
    """The letters of this run that ended when the relay took them."""

    _letters: dict[EnvelopeId, tuple[DeviceId, bytes]] = field(default_factory=dict)
    _told: dict[tuple[DeviceId, bytes], int] = field(default_factory=dict)
    """How often each was said again."""

    def took(self, envelope: EnvelopeId, device: DeviceId, letter: bytes) -> None:
        """The relay took a letter that nobody keeps any more."""
        if len(letter) > LETTER_BYTES_MAX:
            return
        self._letters[envelope] = device, letter
        while len(self._letters) > LETTERS_MAX:
            del self._letters[next(iter(self._letters))]

    def again(self, envelope: EnvelopeId, device: DeviceId) -> bytes | None:
        """A device could not open this: give the letter to seal anew, if it went there, and not too often."""
        kept = self._letters.get(envelope)
        if kept is None or kept[0] != device:
            return None
        del self._letters[envelope]
        told = self._told.pop(kept, 0) + 1
        self._told[kept] = told  # the newest last
        while len(self._told) > LETTERS_MAX:
            del self._told[next(iter(self._told))]
        return kept[1] if told <= REPEATS_MAX else None
