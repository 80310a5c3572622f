"""Proves that the file of carriers is read strictly, kept from others, and that what it names can send."""

import asyncio
import os
from pathlib import Path

import pytest

from answerback.device.carriers_file import CARRIERS_FILE, open_carriers, read_carriers
from answerback.device.texting import Cut
from answerback.model.errors import UsageError
from answerback.model.handle import parse_handle
from answerback.model.texts import CarrierWord, TextOrder, TextStage
from answerback.storage.text_ledger import LEDGER_FILE
from tests.texts.running import RunningCentre

WHOLE = """
[sms]
kind = "smpp"
price = "0.07 EUR"
host = "centre.example"
system_id = "ann"
password = "secret"
tls = true
window = 5
per_second = 2.5

[phone]
kind = "android"
url = "http://192.0.2.1:8080"
username = "ann"
password = "secret"

[modem]
kind = "gammu"
command = ["gammu", "--config", "rc"]

[mail]
kind = "apprise"
url = "mailto://ann:secret@mail.example"
"""


def written(folder: Path, text: str, mode: int = 0o600) -> Path:
    path = folder / CARRIERS_FILE
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return folder


def test_every_kind_is_read_with_what_it_can_prove(tmp_path: Path) -> None:
    traits = {setup.traits.name: setup.traits for setup in read_carriers(written(tmp_path, WHOLE))}
    assert {name: (each.kind, each.is_confirming, each.cut) for name, each in traits.items()} == {
        "sms": ("smpp", True, Cut.HERE),
        "phone": ("android", False, Cut.THERE),
        "modem": ("gammu", False, Cut.THERE),
        "mail": ("apprise", False, Cut.NOWHERE),
    }
    assert not any(each.is_encrypted for each in traits.values())
    assert (traits["sms"].price, traits["sms"].pace.window, traits["sms"].pace.per_second) == ("0.07 EUR", 5, 2.5)
    assert "secret" not in repr(traits)


def test_without_a_file_there_is_no_carrier_and_no_ledger(tmp_path: Path) -> None:
    assert read_carriers(tmp_path) == []
    asyncio.run(open_carriers(tmp_path, key=None).close())
    assert not (tmp_path / LEDGER_FILE).exists()


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no such mark")
@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(UsageError, match="chmod 600"):
        read_carriers(written(tmp_path, WHOLE, mode))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sms]\nkind = 'smpp'\nhost = 'h'\n", "system_id"),
        ("[sms]\nkind = 'smpp'\nhost = 'h'\nsystem_id = 'a'\npasword = 'x'\n", "pasword"),
        ("[sms]\nkind = 'pigeon'\n", "pigeon"),
        ("[sms]\nkind = 'smpp'\nhost = 'h'\nsystem_id = 'a'\nport = 70000\n", "port"),
        ("[sms]\nkind = 'smpp'\nhost = 'h'\nsystem_id = 'much too long for it'\n", "at most 15"),
        ("[sms]\nkind = 'gammu'\ncommand = []\n", "needs its command"),
        ("[mail]\nkind = 'apprise'\nurl = 'nowhere'\n", "needs a URL"),
        ("['a b']\nkind = 'gammu'\n", "no name for a carrier"),
        ("sms = 1\n", r"\[sms\]"),
        ("[sms\n", "is not TOML"),
        ("#" * 70_000, "larger than"),
        ("".join(f"[c{n}]\nkind = 'gammu'\n" for n in range(21)), "at most 20"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=said) as refused:
        read_carriers(written(tmp_path, text))
    assert CARRIERS_FILE in str(refused.value)


def test_a_carrier_of_the_file_sends(tmp_path: Path) -> None:
    async def story() -> None:
        centre = RunningCentre(tmp_path)
        await centre.start()
        written(
            tmp_path,
            f"[sms]\nkind='smpp'\nhost='127.0.0.1'\nport={centre.port}\nsystem_id='answer'\npassword='secret'\n",
        )
        carriers = open_carriers(tmp_path, key=bytes(32))
        (sms,) = carriers.each
        try:
            await sms.submit(TextOrder(1, parse_handle("+49301234567"), "hello"))
            async with asyncio.timeout(20):
                async for word in sms.words():
                    if isinstance(word, CarrierWord) and word.stage is TextStage.DELIVERED:
                        break
        finally:
            await carriers.close()
            centre.kill()
        assert centre.rows() == [("49301234567", b"hello")]

    asyncio.run(story())
