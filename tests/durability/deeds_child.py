"""Does what must be whole after a power cut, one deed after another, and says each when it is done.

python -m tests.durability.deeds_child FOLDER
"""

import asyncio
import sys
from contextlib import closing
from pathlib import Path

from answerback.device.home import make_journal
from answerback.model.ids import BlobId
from answerback.relay.certificate import own_certificate
from answerback.storage.blobs import BlobObjects
from answerback.storage.durable import create_file
from answerback.storage.staging import Staging
from answerback.storage.vault import KeySource

CONTENT = bytes(range(256)) * 40
BLOB = BlobId(b"b" * 16)


def _done(deed: str) -> None:
    print(f"done {deed}", flush=True)


def do_all(folder: Path) -> None:
    """Make a device, files on their way, a relay's certificate and pieces of a blob."""
    with closing(make_journal(folder / "home" / "device", source=KeySource.FILE)) as journal:
        journal.keep_setting("name", "ada")
    _done("device")
    staging = Staging(folder / "home" / "device")
    staging.stage(BLOB, [CONTENT, CONTENT])
    _done("staged")
    for start in range(0, len(CONTENT), 3_000):
        staging.write_at(BLOB, CONTENT[start : start + 3_000], offset=start)
    _done("incoming")
    staging.receive("picture.png", [CONTENT])
    _done("received")
    create_file(folder / "secret.key", CONTENT)
    _done("secret")
    own_certificate(folder, hosts=["127.0.0.1"])
    _done("certificate")
    asyncio.run(BlobObjects(folder / "blobs").keep("piece", CONTENT))
    _done("piece")


if __name__ == "__main__":
    do_all(Path(sys.argv[1]))
