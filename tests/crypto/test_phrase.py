"""Proves that a phrase is the seed, that paper and fingers are forgiven little things, and that mistakes are named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto.phrase import WORDS, phrase_of, seed_of
from answerback.model.errors import UsageError

ZEROS = "abandon " * 23 + "art"
"""BIP-39's own test vector for 256 bits of nothing."""


@given(st.binary(min_size=32, max_size=32))
def test_every_seed_is_words_and_every_words_are_that_seed(seed: bytes) -> None:
    phrase = phrase_of(seed)
    assert len(phrase.split()) == WORDS
    assert seed_of(phrase) == seed
    assert seed_of("\n".join(word[:4].upper() for word in phrase.split())) == seed


def test_the_published_vectors_hold() -> None:
    assert phrase_of(bytes(32)) == ZEROS
    assert phrase_of(b"\xff" * 32) == "zoo " * 23 + "vote"


def test_a_mistake_is_named_and_nothing_of_the_words_is() -> None:
    words = phrase_of(bytes(range(32))).split()
    with pytest.raises(UsageError, match="24 words; these are 23"):
        seed_of(" ".join(words[1:]))
    with pytest.raises(UsageError, match="word 3 is none") as error:
        seed_of(" ".join([*words[:2], "hunter2", *words[3:]]))
    assert "hunter2" not in str(error.value)
    with pytest.raises(UsageError, match="changed places"):
        seed_of(" ".join([words[1], words[0], *words[2:]]))
    with pytest.raises(UsageError):
        seed_of(" ".join([words[0][:3], *words[1:]]))  # three letters may be two words
    with pytest.raises(UsageError):
        phrase_of(b"short")
