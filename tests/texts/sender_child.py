"""A device's carrier as a process that may be killed: `python -m tests.texts.sender_child FOLDER PORT COUNT`.

It submits the same orders at every start, as a device does that does not know how far it came, and says each stage.
"""

import asyncio
import sys
from pathlib import Path

from answerback.device import texting
from answerback.model.texts import TextStage
from tests.texts.office import office, smpp


async def main(folder: Path, port: int, count: int) -> None:
    texting.AGAIN_S = 0.05
    async with office(folder, smpp(port)) as desk:
        print("begun", flush=True)
        await asyncio.gather(*(desk.send(number, f"text {number}") for number in range(count)))
        await desk.until(lambda: desk.count(TextStage.DELIVERED) == count)
    print("ended", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
