"""Proves that a device goes on where its disk stopped: contacts, promises and copies are all taken back."""

from answerback.model.timeline import Stage
from tests.core.world import World


def test_what_was_promised_and_known_is_there_again_and_what_was_sent_counts_as_not_sent() -> None:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    ann.send("bea", text="one")
    world.run(5)
    world.reachable = False
    bea.stop()
    ann.drop()
    kept = ann.send("bea", text="two")
    ann.crash()
    machines = ann.engine.machines
    assert machines.roster.knows(bea.own.account)
    assert machines.life > 0
    assert not ann.engine.drafted_files
    promise = machines.outbox.promise(kept)
    assert promise is not None
    assert [copy.stage for copy in promise.copies.values()] in ([Stage.QUEUED], [Stage.SEALED])
    assert len(machines.lanes) == len(promise.copies)
