"""Proves that each kind of repair is counted where it is begun, for the device that needed it."""

from answerback.core.healing import DEVICES_MAX, Healed, Healing
from answerback.model.ids import DeviceId
from answerback.model.timeline import Stage
from tests.core.world import Phone, World


def talking() -> tuple[World, Phone, Phone]:
    world = World()
    ann, bea = world.person("ann"), world.person("bea")
    world.run(2)
    ann.send("bea", text="hello")
    bea.send("ann", text="hello back")
    world.run(5)
    return world, ann, bea


def test_a_session_that_was_lost_is_healed_in_one_exchange_and_counted_for_its_device() -> None:
    world, ann, bea = talking()
    bea.stop()
    bea.disk.forget_ratchets()
    bea.start()
    sent = ann.send("bea", text="sealed to what bea has lost")
    took_s = world.run_until(lambda: ann.stage(sent) >= Stage.DELIVERED)
    assert took_s < 10.0, "one call for repair, and one answer to it"
    healing = ann.engine.machines.healing
    assert healing.totals["session"] == healing.of(bea.own.device)["session"] == 1


def test_mail_that_the_relay_lost_is_counted() -> None:
    world, ann, bea = talking()
    bea.stop()
    sent = ann.send("bea", text="lost at the relay")
    world.run_until(lambda: ann.stage(sent) >= Stage.ACCEPTED)
    world.relay.lose_mailboxes()
    bea.start()
    world.run_until(lambda: ann.stage(sent) >= Stage.DELIVERED)
    assert ann.engine.machines.healing.totals["lost mail"] >= 1


def test_counting_is_bounded() -> None:
    healing = Healing()
    for number in range(DEVICES_MAX + 10):
        healing.count(Healed.GAP, DeviceId(number.to_bytes(16, "big")))
    assert healing.totals == {"gap": DEVICES_MAX + 10}
    assert healing.of(DeviceId((DEVICES_MAX + 5).to_bytes(16, "big"))) == {}
