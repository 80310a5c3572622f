"""A relay as a process of its own, on a port that stays the same over its deaths.

python -m tests.journey.relay_child FOLDER PORT         out  ready URL PIN   ·   code HANDLE CODE
"""

import asyncio
import sys
from pathlib import Path

from answerback.model.handle import Handle
from answerback.relay.serve import Ready, RelaySettings, run_relay


def _ready(ready: Ready) -> None:
    print(f"ready {ready.url} {ready.pin.hex()}", flush=True)


def _code(handle: Handle, code: str) -> None:
    print(f"code {handle.text} {code}", flush=True)


if __name__ == "__main__":
    settings = RelaySettings(folder=Path(sys.argv[1]), port=int(sys.argv[2]), is_open=True)
    asyncio.run(run_relay(settings, on_ready=_ready, on_code=_code))
