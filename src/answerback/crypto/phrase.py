"""Writes an account's root key as twenty-four words that a person can keep on paper, and reads them back.

Theory. The words are BIP-39's (English): 256 bits of the seed and 8 bits of checksum, eleven bits a word. Nothing is
stretched or derived: whoever has the words has the root key. The list is chosen so that four letters tell each word.
"""

from typing import Final

from mnemonic import Mnemonic

from answerback.crypto.primitives import KEY_BYTES
from answerback.model.errors import UsageError

WORDS: Final = 24
LETTERS: Final = 4
"""No two words of the list begin with the same four."""
_words = Mnemonic("english")


def phrase_of(seed: bytes) -> str:
    """Write a root key's seed as words."""
    if len(seed) != KEY_BYTES:
        raise UsageError(f"a root key's seed has {KEY_BYTES} bytes; got {len(seed)}")
    return str(_words.to_mnemonic(seed))


def seed_of(phrase: str) -> bytes:
    """Read words as people type them: any case and spacing, four letters of each are enough.

    Raises `UsageError` that names the first word that is none, or says that the checksum does not fit.
    """
    given = phrase.lower().replace(",", " ").split()
    if len(given) != WORDS:
        raise UsageError(f"a recovery phrase has {WORDS} words; these are {len(given)}")
    found = [_word(number, text) for number, text in enumerate(given, start=1)]
    try:
        return bytes(_words.to_entropy(found))
    except ValueError as error:
        raise UsageError("these words are no recovery phrase: one is wrong, or two changed places") from error


def _word(number: int, text: str) -> str:
    if text in _words.wordlist:
        return text
    found = [word for word in _words.wordlist if len(text) >= LETTERS and word.startswith(text)]
    if len(found) != 1:
        raise UsageError(f"word {number} is none of a recovery phrase's words")
    return str(found[0])
