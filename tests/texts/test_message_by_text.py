"""Proves the whole way: a message that reaches no relay goes by a real centre, and the answer by text comes back."""

import asyncio
from collections.abc import Callable
from pathlib import Path

from answerback.core.facts import KeepContact, KeepDeviceKeys, KeepDeviceList
from answerback.crypto.identity import DeviceKeys, RootKey, first_device_list
from answerback.device.carriers_file import CARRIERS_FILE
from answerback.device.client import Client
from answerback.device.fallbacks import Consent
from answerback.device.home import make_journal
from answerback.model.fallback import AsideStage, Choice
from answerback.model.handle import Handle
from answerback.model.ids import AccountId
from answerback.storage.identity import Identity
from answerback.storage.vault import KeySource
from tests.texts.running import RunningCentre

NUMBER = "+49301234567"
BEA = AccountId(b"b" * 16)
PATIENCE_S = 20


def registered(folder: Path, *, centre: int) -> None:
    """Make a device that has met Bea, has a carrier, and whose relay nobody can reach."""
    root, keys, pickle_key = RootKey.generate(), DeviceKeys.generate(), bytes(32)
    journal = make_journal(folder, source=KeySource.FILE)
    journal.keep_identity(
        Identity(
            account=root.account_id,
            device=keys.device_id,
            device_name="phone",
            handle=Handle("ada@example.org"),
            relay_url="https://127.0.0.1:1",
            relay_pin=None,
            root_seed=root.seed,
            pickle_key=pickle_key,
            registered_ms=1,
        )
    )
    first_list = first_device_list(root, keys.device(1), now_ms=1)
    journal.commit(
        [
            KeepDeviceKeys(keys.pickle(pickle_key)),
            KeepDeviceList(root.account_id, 1, first_list),
            KeepContact(NUMBER, BEA),
        ]
    )
    journal.close()
    path = folder / CARRIERS_FILE
    words = f"[sms]\nkind='smpp'\nprice='0.07 EUR'\nhost='127.0.0.1'\nport={centre}\n"
    path.write_text(words + "system_id='answer'\npassword='secret'\nsender='+4930111'\n", encoding="utf-8")
    path.chmod(0o600)


async def until(is_so: Callable[[], bool]) -> None:
    while not is_so():  # noqa: ASYNC110 - what is looked at is on a disk, which wakes nobody
        await asyncio.sleep(0.05)


def test_what_no_relay_takes_goes_by_text_with_its_receipt_and_the_answer_comes_back(tmp_path: Path) -> None:
    async def story() -> None:
        centre = RunningCentre(tmp_path)
        await centre.start()
        registered(tmp_path / "ada", centre=centre.port)
        try:
            async with asyncio.timeout(PATIENCE_S), Client.open(tmp_path / "ada") as ada:
                ada.fallbacks.choose(NUMBER, Choice.ASK)
                sent = await ada.send(NUMBER, text="on my way 🙂")
                assert centre.rows() == [], "nothing goes before a yes"
                sent.fallback("sms", consent=Consent("Ada"))
                await until(lambda: [a.stage for a in ada.fallbacks.asides(sent.id)] == [AsideStage.DELIVERED])
                ((destination, body),) = centre.rows()
                assert destination == "49301234567"
                assert body.decode("utf-16-be").startswith("on my way 🙂")
                centre.say(source="49301234567", body=b"at nine".hex())
                await until(lambda: any("at nine" in kept.message.text for kept in ada.journal.messages(limit=10)))
        finally:
            centre.kill()

    asyncio.run(story())
