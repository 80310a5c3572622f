"""A relay as a process of its own, to be recorded.

python -m tests.durability.relay_child FOLDER PORT     a whole relay, as tests.journey.relay_child
python -m tests.durability.relay_child FOLDER          its mail road alone, in clear; prints its port
"""

import asyncio
import sys
from pathlib import Path

from answerback.model.handle import Handle
from answerback.relay.app import RelayNode
from answerback.relay.serve import Ready, RelaySettings, run_relay
from tests.durability.habits import take_habits


def _ready(ready: Ready) -> None:
    print(f"ready {ready.url} {ready.pin.hex()}", flush=True)


def _code(handle: Handle, code: str) -> None:
    print(f"code {handle.text} {code}", flush=True)


async def _mail_road(folder: Path) -> None:
    node = RelayNode(folder)
    await node.start("127.0.0.1", 0)
    print(node.port, flush=True)
    await node.broken


if __name__ == "__main__":
    take_habits()
    if len(sys.argv) > 2:
        settings = RelaySettings(folder=Path(sys.argv[1]), port=int(sys.argv[2]), is_open=True)
        asyncio.run(run_relay(settings, on_ready=_ready, on_code=_code))
    else:
        asyncio.run(_mail_road(Path(sys.argv[1])))
