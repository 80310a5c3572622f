"""Commits numbered changes without end, and says each number only when it is on the disk. Made to be killed."""

import os
import sys
from pathlib import Path

from answerback.core.facts import KeepMessage, KeepSeen
from answerback.model.ids import EnvelopeId
from answerback.model.timeline import Stage
from answerback.storage.journal import Journal
from tests.storage.samples import KEY, copy_of, message_of, outgoing_of

if __name__ == "__main__":
    journal = Journal.open(Path(sys.argv[1]), key=KEY)
    number = int(sys.argv[2])
    while True:
        envelope = EnvelopeId(number.to_bytes(16, "big"))
        copy = copy_of(number, Stage.SEALED, sealed=os.urandom(5_000))
        journal.commit([KeepMessage(message_of(number), number), outgoing_of(number), copy, KeepSeen(envelope, number)])
        os.write(sys.stdout.fileno(), f"{number}\n".encode())
        number += 1
