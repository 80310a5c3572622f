"""Proves that the library computes what the standards say, and refuses what is not what was sealed."""

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from answerback.crypto import primitives
from answerback.crypto.primitives import CannotOpenError
from answerback.model.errors import TrustError

# draft-connolly-cfrg-xwing-kem-08, appendix C, first vector.
XWING_SEED = bytes.fromhex("7f9c2ba4e88f827d616045507605853ed73b8093f6efbc88eb1a6eacfa66ef26")
XWING_PUBLIC_HEAD = bytes.fromhex("e2236b35a8c24b39b10aa1323a96a919a2ced88400633a7b07131713fc14b2b5b19cfc3d")
XWING_PUBLIC_TAIL = bytes.fromhex(
    "9042581237d522828824ee3bdfd07fb03f1f942d2ea179fe722f06cc03de5b69859edb06"
    "eff389b27dce59844570216223593d4ba32d9abac8cd049040ef6534"
)
XWING_SHARED = bytes.fromhex("d2df0522128f09dd8e2c92b1e905c793d8f57a54c3da25861f10bf4ca613e384")
XWING_ENC = bytes.fromhex(
    """
    b83aa828d4d62b9a83ceffe1d3d3bb1ef31264643c070c5798927e41fb07914a273f8f96
    e7826cd5375a283d7da885304c5de0516a0f0654243dc5b97f8bfeb831f68251219aabdd
    723bc6512041acbaef8af44265524942b902e68ffd23221cda70b1b55d776a92d1143ea3
    a0c475f63ee6890157c7116dae3f62bf72f60acd2bb8cc31ce2ba0de364f52b8ed38c79d
    719715963a5dd3842d8e8b43ab704e4759b5327bf027c63c8fa857c4908d5a8a7b88ac7f
    2be394d93c3706ddd4e698cc6ce370101f4d0213254238b4a2e8821b6e414a1cf20f6c12
    44b699046f5a01caa0a1a55516300b40d2048c77cc73afba79afeea9d2c0118bdf2adb88
    70dc328c5516cc45b1a2058141039e2c90a110a9e16b318dfb53bd49a126d6b73f215787
    517b8917cc01cabd107d06859854ee8b4f9861c226d3764c87339ab16c3667d2f49384e5
    5456dd40414b70a6af841585f4c90c68725d57704ee8ee7ce6e2f9be582dbee985e038ff
    c346ebfb4e22158b6c84374a9ab4a44e1f91de5aac5197f89bc5e5442f51f9a5937b102b
    a3beaebf6e1c58380a4a5fedce4a4e5026f88f528f59ffd2db41752b3a3d90efabe46389
    9b7d40870c530c8841e8712b733668ed033adbfafb2d49d37a44d4064e5863eb0af0a08d
    47b3cc888373bc05f7a33b841bc2587c57eb69554e8a3767b7506917b6b70498727f16ea
    c1a36ec8d8cfaf751549f2277db277e8a55a9a5106b23a0206b4721fa9b3048552c5bd5b
    594d6e247f38c18c591aea7f56249c72ce7b117afcc3a8621582f9cf71787e183dee0936
    7976e98409ad9217a497df888042384d7707a6b78f5f7fb8409e3b535175373461b77600
    2d799cbad62860be70573ecbe13b246e0da7e93a52168e0fb6a9756b895ef7f0147a0dc8
    1bfa644b088a9228160c0f9acf1379a2941cd28c06ebc80e44e17aa2f8177010afd78a97
    ce0868d1629ebb294c5151812c583daeb88685220f4da9118112e07041fcc24d5564a99f
    dbde28869fe0722387d7a9a4d16e1cc8555917e09944aa5ebaaaec2cf62693afad42a3f5
    18fce67d273cc6c9fb5472b380e8573ec7de06a3ba2fd5f931d725b493026cb0acbd3fe6
    2d00e4c790d965d7a03a3c0b4222ba8c2a9a16e2ac658f572ae0e746eafc4feba023576f
    08942278a041fb82a70a595d5bacbf297ce2029898a71e5c3b0d1c6228b485b1ade509b3
    5fbca7eca97b2132e7cb6bc465375146b7dceac969308ac0c2ac89e7863eb8943015b243
    14cafb9c7c0e85fe543d56658c213632599efabfc1ec49dd8c88547bb2cc40c9d38cbd30
    99b4547840560531d0188cd1e9c23a0ebee0a03d5577d66b1d2bcb4baaf21cc7fef1e038
    06ca96299df0dfbc56e1b2b43e4fc20c37f834c4af62127e7dae86c3c25a2f696ac8b589
    dec71d595bfbe94b5ed4bc07d800b330796fda89edb77be0294136139354eb8cd3759157
    8f9c600dd9be8ec6219fdd507adf3397ed4d68707b8d13b24ce4cd8fb22851bfe9d63240
    7f31ed6f7cb1600de56f17576740ce2a32fc5145030145cfb97e63e0e41d354274a079d3
    e6fb2e15
    """
)


def extract(salt: bytes, secret: bytes) -> bytes:
    return hmac.new(salt or bytes(32), secret, hashlib.sha256).digest()


def expand(key: bytes, info: bytes, length: int) -> bytes:
    output, block = b"", b""
    for counter in range(1, -(-length // 32) + 1):
        block = hmac.new(key, block + info + bytes([counter]), hashlib.sha256).digest()
        output += block
    return output[:length]


def rfc9180_seal(shared: bytes, plaintext: bytes, *, info: bytes) -> bytes:
    """The key schedule of RFC 9180 §5.1, base mode, written from the RFC: KEM 0x647a, KDF 1, AEAD 2."""
    suite = b"HPKE" + (0x647A).to_bytes(2, "big") + (1).to_bytes(2, "big") + (2).to_bytes(2, "big")
    prefix = b"HPKE-v1" + suite
    context = b"\x00" + extract(b"", prefix + b"psk_id_hash") + extract(b"", prefix + b"info_hash" + info)
    secret = extract(shared, prefix + b"secret")
    key = expand(secret, (32).to_bytes(2, "big") + prefix + b"key" + context, 32)
    nonce = expand(secret, (12).to_bytes(2, "big") + prefix + b"base_nonce" + context, 12)
    return AESGCM(key).encrypt(nonce, plaintext, b"")


def test_the_x_wing_draft_s_own_vector_gives_its_public_key_and_opens_what_an_rfc_9180_sender_sealed() -> None:
    public = primitives.xwing_public(XWING_SEED)
    assert public.startswith(XWING_PUBLIC_HEAD)
    assert public.endswith(XWING_PUBLIC_TAIL)
    sealed = XWING_ENC + rfc9180_seal(XWING_SHARED, b"hello", info=b"purpose")
    assert primitives.hpke_open(XWING_SEED, sealed, info=b"purpose") == b"hello"


def test_an_x_wing_public_key_is_1184_bytes_of_ml_kem_then_32_of_x25519() -> None:
    public = primitives.xwing_public(XWING_SEED)
    mlkem, x25519 = primitives._xwing_halves(XWING_SEED)
    assert len(mlkem.public_key().public_bytes_raw()) == primitives.MLKEM768_PUBLIC_BYTES
    assert public[:1184] == mlkem.public_key().public_bytes_raw()
    assert public[1184:] == x25519.public_key().public_bytes_raw()
    assert len(public) == primitives.XWING_PUBLIC_BYTES == 1216


def test_ed25519_gives_the_signature_of_rfc_8032_section_7_1_test_1() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    public = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
    signature = bytes.fromhex(
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bac"
        "c61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
    )
    assert primitives.ed25519_public(seed) == public
    assert primitives.ed25519_sign(seed, b"") == signature
    primitives.ed25519_verify(b"", signature=signature, public_key=public)


def test_hkdf_gives_the_bytes_of_rfc_5869_appendix_a_3() -> None:
    expected = "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"
    assert primitives.hkdf_sha256(b"\x0b" * 22, info=b"", length=42).hex() == expected


def test_argon2id_costs_what_rfc_9106_recommends_for_64_mib() -> None:
    costs = (primitives.ARGON2_MEMORY_KIB, primitives.ARGON2_PASSES, primitives.ARGON2_LANES)
    assert costs == (65_536, 3, 4)
    first = primitives.argon2id("a passphrase", b"s" * 16)
    assert len(first) == 32
    assert first != primitives.argon2id("a passphrase", b"t" * 16)


@given(message=st.binary(max_size=200), bit=st.integers(min_value=0))
def test_a_signature_covers_every_bit_and_no_other_key(message: bytes, bit: int) -> None:
    seed = primitives.ed25519_generate()
    signature = primitives.ed25519_sign(seed, message)
    public = primitives.ed25519_public(seed)
    primitives.ed25519_verify(message, signature=signature, public_key=public)
    with pytest.raises(TrustError):
        primitives.ed25519_verify(message, signature=flipped(signature, bit), public_key=public)
    with pytest.raises(TrustError):
        primitives.ed25519_verify(flipped(message + b"x", bit), signature=signature, public_key=public)
    with pytest.raises(TrustError):
        primitives.ed25519_verify(message, signature=signature, public_key=public[:31])


@given(plaintext=st.binary(max_size=300), bit=st.integers(min_value=0))
def test_a_damaged_ciphertext_another_key_or_another_purpose_never_opens(plaintext: bytes, bit: int) -> None:
    key, nonce = primitives.random_bytes(32), primitives.random_bytes(12)
    sealed = primitives.aead_seal(key, nonce, plaintext, aad=b"a")
    assert primitives.aead_open(key, nonce, sealed, aad=b"a") == plaintext
    for wrong_key, wrong_sealed, aad in (
        (key, flipped(sealed, bit), b"a"),
        (flipped(key, bit), sealed, b"a"),
        (key, sealed, b"b"),
        (key[:31], sealed, b"a"),
        (key, b"", b"a"),
    ):
        with pytest.raises(CannotOpenError):
            primitives.aead_open(wrong_key, nonce, wrong_sealed, aad=aad)


def test_what_is_no_key_is_refused_before_anything_is_sealed_to_it() -> None:
    low_order = primitives.xwing_public(XWING_SEED)[:1184] + bytes(32)
    for public in (b"", bytes(1215), b"\xff" * 1216, low_order):
        with pytest.raises(TrustError):
            primitives.hpke_seal(public, b"text", info=b"")
    with pytest.raises(CannotOpenError):
        primitives.hpke_open(b"short", bytes(1200), info=b"")


def test_a_key_of_low_order_is_known_for_one() -> None:
    assert primitives.agreement_is_possible(primitives.xwing_public(XWING_SEED)[1184:])
    for public in (bytes(32), b"\x01" + bytes(31), b"short"):
        assert not primitives.agreement_is_possible(public)


def flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)
