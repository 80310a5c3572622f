"""One device as a process of its own, told what to do on standard input, to be killed at any moment.

python -m tests.journey.device_child FOLDER
in   send HANDLE TEXT          out  saved TEXT          only once it is in the journal
in   stop                      out  (end of output)
"""

import asyncio
import sys
from pathlib import Path

from answerback.device.client import Client


async def live(folder: Path) -> None:
    """Run one device until it is told to stop."""
    lines: asyncio.Queue[str] = asyncio.Queue()
    loop = asyncio.get_running_loop()

    def read() -> None:
        for line in sys.stdin:
            loop.call_soon_threadsafe(lines.put_nowait, line.rstrip("\n"))
        loop.call_soon_threadsafe(lines.put_nowait, "stop")

    loop.run_in_executor(None, read)
    async with Client.open(folder) as me:
        print("ready", flush=True)
        while (line := await lines.get()) != "stop":
            _, handle, text = line.split(" ", 2)
            await me.send(handle, text=text)
            print(f"saved {text}", flush=True)


if __name__ == "__main__":
    asyncio.run(live(Path(sys.argv[1])))
