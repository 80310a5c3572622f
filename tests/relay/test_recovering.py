"""Proves that lists are given to the holder of the root key alone, and kept only if they follow the newest."""

import asyncio
from pathlib import Path

import pytest

from answerback.crypto.identity import DeviceKeys, Purpose, RootKey, next_device_list, read_device_list
from answerback.device.recovering import account_lists, put_device
from answerback.model.causes import Cause
from answerback.model.errors import RefusedError
from answerback.model.ids import AccountId
from answerback.transport.relay_http import RelayHttp
from answerback.wire.codec import encode
from answerback.wire.requests import Asked
from tests.device.relays import now_ms, town


def test_a_signature_for_another_question_or_by_another_key_gets_nothing(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            ann = await place.register("ann")
            assert ann.root_seed is not None
            root, stranger = RootKey.from_seed(ann.root_seed), RootKey.generate()
            asked = encode(Asked("ann@example.org", b"", 0))
            async with RelayHttp(place.relay.url, pin=place.relay.pin or b"") as http:
                found = await http.account_lists(root.sign(Purpose.RECOVERY, asked), root_key=root.public_key)
                assert (found.account, found.newest_version, len(found.lists)) == (ann.account, 1, 1)
                for key, signed in (
                    (stranger.public_key, stranger.sign(Purpose.RECOVERY, asked)),
                    (root.public_key, stranger.sign(Purpose.RECOVERY, asked)),
                    (root.public_key, root.sign(Purpose.DEVICE_LIST, asked)),
                    (b"short", root.sign(Purpose.RECOVERY, asked)),
                ):
                    with pytest.raises(RefusedError) as refused:
                        await http.account_lists(signed, root_key=key)
                    assert refused.value.cause in (Cause.ACCOUNT_PHRASE_WRONG, Cause.TRUST_SIGNATURE_WRONG)

    asyncio.run(run())


def test_a_list_that_does_not_follow_or_names_nobody_is_not_kept(tmp_path: Path) -> None:
    async def run() -> None:
        async with town(tmp_path) as place:
            ann = await place.register("ann")
            assert ann.root_seed is not None
            root = RootKey.from_seed(ann.root_seed)
            async with RelayHttp(place.relay.url, pin=place.relay.pin or b"") as http:
                _, lists = await account_lists(http, root.seed, account=ann.account)
                newest, read = lists[-1]
                other = DeviceKeys.generate().device(1)
                second = next_device_list(root, newest, [*read.devices, other], now_ms())
                third = next_device_list(root, second, [other], now_ms())
                nobody = next_device_list(root, newest, [], now_ms())
                for wrong in (third, nobody):
                    with pytest.raises(RefusedError):
                        await http.put_list(wrong)
                unknown = RootKey.generate()
                with pytest.raises(RefusedError) as refused:
                    await http.put_list(next_device_list(unknown, _first(unknown), [other], now_ms()))
                assert refused.value.cause is Cause.ACCOUNT_PHRASE_WRONG
                assert await http.put_list(second) == 2
                assert await http.put_list(second) == 2, "said twice is said once"
                with pytest.raises(RefusedError) as refused:
                    await http.put_list(next_device_list(root, newest, [other], now_ms()))
                assert refused.value.cause is Cause.TRUST_KEYS_CHANGED
                again = await put_device(http, root, other, keep_others=True, now_ms=now_ms())
                assert again[-1][1].version == 2, "it is on the list already"

    asyncio.run(run())


def _first(root: RootKey):  # type: ignore[no-untyped-def]  # noqa: ANN202 - a Signed
    from answerback.crypto.identity import first_device_list

    signed = first_device_list(root, DeviceKeys.generate().device(1), now_ms=1)
    assert read_device_list(AccountId(root.account_id), signed).version == 1
    return signed
