"""Lists the carriers of texts, tries them, and says what a text would cost in parts."""

import asyncio
from typing import TYPE_CHECKING

import click

from answerback.faces.access import device_folder
from answerback.faces.output import Exit, say, say_beside, tell_json

if TYPE_CHECKING:
    from answerback.device.carriers_file import Setup

LABEL = 12
CHECK_S_MAX = 20.0


@click.command()
@click.option("--check", is_flag=True, help="Connect to each and say whether it lets us in; nothing is sent.")
@click.option("--text", metavar="TEXT", help="Say as how many parts this text would be charged.")
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
@click.pass_context
def carriers(ctx: click.Context, *, check: bool, text: str | None, as_json: bool) -> None:
    """List the ways by which texts can leave this device unencrypted.

    They are set up in carriers.toml in the device's folder. Nothing goes by them unless you have agreed to it.
    """
    from answerback.device.carriers_file import CARRIERS_FILE, read_carriers

    folder = device_folder(ctx.obj)
    setups = read_carriers(folder)
    troubles = asyncio.run(_checked(setups)) if check else {}
    told = [_told(each, text=text, trouble=troubles.get(each.traits.name)) for each in setups]
    if as_json:
        tell_json({"carriers": told})
    elif not told:
        say(f"There is no carrier: {folder / CARRIERS_FILE} would name them. docs/texts.md says how.")
    for each in () if as_json else told:
        _show(each)
    if any(troubles.values()):
        ctx.exit(int(Exit.REFUSED))


def _told(setup: "Setup", *, text: str | None, trouble: str | None) -> dict[str, object]:
    from answerback.device.texting import Cut
    from answerback.wire.short_messages import count_parts

    traits = setup.traits
    words: dict[str, object] = {
        "name": traits.name,
        "kind": traits.kind,
        "price": traits.price,
        "confirms": traits.is_confirming,
        "encrypted": traits.is_encrypted,
    }
    if text is not None:
        words["parts"] = 1 if traits.cut is Cut.NOWHERE else count_parts(text)
    if trouble is not None:
        words["ready"], words["trouble"] = not trouble, trouble
    return words


def _show(told: dict[str, object]) -> None:
    say(f"{told['name']} ({told['kind']})")
    say_beside("price", f"{told['price'] or 'you have not said'}, for one part", width=LABEL)
    if "parts" in told:
        say_beside("this text", f"{told['parts']} part{'' if told['parts'] == 1 else 's'}", width=LABEL)
    proof = "says when a text was delivered" if told["confirms"] else "handed over, and never confirmed"
    say_beside("proof", proof, width=LABEL)
    say_beside("privacy", "not end-to-end encrypted: everybody on the way can read it", width=LABEL)
    if "ready" in told:
        say_beside("check", "lets us in" if told["ready"] else str(told["trouble"]), width=LABEL)


async def _checked(setups: "list[Setup]") -> dict[str, str]:
    """Connect to each; what it says where that fails, else nothing."""
    return dict(zip([s.traits.name for s in setups], await asyncio.gather(*map(_trouble, setups)), strict=True))


async def _trouble(setup: "Setup") -> str:
    from answerback.transport.carriers.roads import RoadClosed

    try:
        async with asyncio.timeout(CHECK_S_MAX):
            road = await setup.open_road()
            await road.close()
    except RoadClosed as error:
        return str(error)
    except TimeoutError:
        return f"no answer within {CHECK_S_MAX:.0f} s"
    return ""
