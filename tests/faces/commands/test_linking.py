"""Proves that a second device joins by link or short code, and only if its person says yes."""

import asyncio
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from answerback.device.linking import join, parse_link_text
from answerback.faces.access import agent_at
from answerback.faces.commands import linking
from answerback.faces.remote import Remote
from answerback.faces.told import LinkTold
from answerback.model.errors import RefusedError
from answerback.storage.vault import KeySource
from tests.faces.village import Person, Village


@contextmanager
def offered(person: Person) -> Iterator[tuple[Remote, LinkTold, Iterator[LinkTold]]]:
    """The device a person has, showing its code."""
    with agent_at(person.home) as remote:
        turns = remote.link()
        yield remote, next(turns), turns


def test_a_new_device_joins_with_the_short_code_and_gets_what_follows(
    somebody: Callable[[], Person], town: Village, bea: Person, tmp_path: Path
) -> None:
    owner, phone = somebody(), Person(tmp_path / "phone")
    with offered(owner) as (remote, shown, turns), ThreadPoolExecutor() as pool:
        assert shown.code is not None
        joining = pool.submit(
            phone.run, "link", shown.code.lower(), "--relay", town.url, "--name", "phone", "--key", "file", "--json"
        )
        assert next(turns).asks == "phone"
        remote.confirm_link(yes=True)
        assert next(turns).device is not None
        told = json.loads(joining.result(60).stdout)
    assert told["handle"] == owner.handle
    assert "phone" in [device["name"] for device in owner.told("devices")]
    assert bea.run("send", owner.handle, "to all of you").exit_code == 0
    assert phone.lines("inbox")[-1]["text"] == "to all of you"
    assert owner.lines("inbox")[-1]["text"] == "to all of you"


def test_a_no_links_nothing(somebody: Callable[[], Person], tmp_path: Path) -> None:
    owner = somebody()
    with offered(owner) as (remote, shown, turns), ThreadPoolExecutor() as pool:
        assert shown.link is not None
        knocking = pool.submit(_declined, tmp_path / "stranger", shown.link)
        assert next(turns).asks
        remote.confirm_link(yes=False)
        assert "said no" in (next(turns).refusal or "")
        knocking.result()
    assert len(owner.told("devices")) == 1


def _declined(folder: Path, link: str) -> None:
    """Knock, and be told no."""
    text = parse_link_text(link)

    async def knock() -> None:
        with pytest.raises(RefusedError, match="the answer was no"):
            await join(folder, text.relay, text.code, device_name="x", source=KeySource.FILE, now_ms=1)

    asyncio.run(knock())


def test_nobody_is_let_in_without_somebody_to_say_yes(ann: Person) -> None:
    result = ann.run("link")
    assert result.exit_code == 2
    assert "--yes" in result.stderr


def test_what_is_no_code_is_explained(town: Village) -> None:
    newcomer = town.newcomer("newcomer")
    for words, said in (
        (("ABCD",), "--relay URL"),
        (("ABCD", "--relay", town.url), "7K3M"),
        (("https://example.org/x",), "answerback://link"),
    ):
        result = newcomer.run("link", *words)
        assert result.exit_code == 2
        assert said in result.stderr


def test_the_code_is_shown_in_every_form(capsys: pytest.CaptureFixture[str]) -> None:
    link = "answerback://link?relay=https%3A%2F%2Frelay.example%3A7443&code=7K3M-9Q2X-B4TA-W8ZN"
    linking._tell(LinkTold(link=link, code="7K3M-9Q2X-B4TA-W8ZN"))
    linking._tell(LinkTold(asks="a\x1b[2Jphone", fingerprint="0a1b2c3d"))
    shown = capsys.readouterr().out
    assert f"answerback link '{link}'" in shown
    assert "answerback link 7K3M-9Q2X-B4TA-W8ZN --relay https://relay.example:7443" in shown
    assert "\x1b[2J" not in shown
