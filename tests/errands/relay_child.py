"""A relay as a process of its own that lets many people in from one address.

python -m tests.errands.relay_child FOLDER PORT         out  ready URL PIN   ·   code HANDLE CODE
"""

import asyncio
import sys
from pathlib import Path

from answerback.model.handle import Handle
from answerback.relay import boxes
from answerback.relay.http import HttpLimits
from answerback.relay.limits import Rate
from answerback.relay.serve import Ready, RelaySettings, run_relay

HURRIED = HttpLimits(costly_rate=Rate(per_s=100.0, burst=1000))


def _ready(ready: Ready) -> None:
    print(f"ready {ready.url} {ready.pin.hex()}", flush=True)


def _code(handle: Handle, code: str) -> None:
    print(f"code {handle.text} {code}", flush=True)


if __name__ == "__main__":
    boxes.BOXES_RATE = Rate(per_s=100.0, burst=1000)  # more linkings than a household does
    settings = RelaySettings(folder=Path(sys.argv[1]), port=int(sys.argv[2]), is_open=True, http=HURRIED)
    asyncio.run(run_relay(settings, on_ready=_ready, on_code=_code))
