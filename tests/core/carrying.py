"""Carries pieces of files between a phone and the relay in memory."""

from typing import TYPE_CHECKING

from answerback.core.effects import Download, Upload

if TYPE_CHECKING:
    from tests.core.world import Phone


def move(phone: "Phone", piece: Upload | Download) -> None:
    """Carry one piece of a file, as the shell does, and report it."""
    blobs, engine = phone.world.relay.store.blobs, phone.engine
    uploading = isinstance(piece, Upload)
    kept = next(m for m in phone.disk.messages.values() if (m.author, m.id) == (piece.author, piece.message))
    assert kept.attachment is not None
    there_bytes, done_bytes = blobs.get(piece.blob, 0), piece.offset + piece.length
    whole = done_bytes >= kept.attachment.sealed_bytes
    if there_bytes < (piece.offset if uploading else kept.attachment.sealed_bytes):
        failed = engine.transfer_failed(piece, missing=True, message=None if uploading else kept, now=phone.now)
        return phone.carry_out(failed)
    effects = engine.moved(piece, done_bytes=done_bytes, now=phone.now)
    if uploading:
        blobs[piece.blob] = max(there_bytes, done_bytes)
    elif whole:
        phone.disk.files.add(piece.blob)
        # One change: a file that is said to be here is asked for no more, whatever breaks off in between.
        effects = [*effects, *engine.file_checked(piece.blob, kept, now=phone.now)]
    return phone.carry_out(effects)
