"""Proves who is on stage: two people, three devices with journals of their own, one of them on the bad link."""

from answerback.faces.demonstration.scene import handle_of
from answerback.faces.demonstration.script import Person
from tests.faces.demonstration.performance import Performance


def test_three_devices_have_journals_of_their_own(performance: Performance) -> None:
    assert performance.devices == {"Ada's phone": True, "Bea's phone": True, "Bea's tablet": True}


def test_beas_two_devices_are_one_account(performance: Performance) -> None:
    scene = performance.scene
    assert scene is not None
    ada, phone, tablet = (actor.client.identity for actor in scene.actors)
    assert phone.account == tablet.account != ada.account
    assert len({ada.device, phone.device, tablet.device}) == 3
    assert scene.of(Person.BEA) == (scene.phone, scene.tablet)
    assert phone.handle == handle_of(Person.BEA)


def test_only_ada_goes_through_the_bad_link(performance: Performance) -> None:
    scene = performance.scene
    assert scene is not None
    ada, phone, tablet = (actor.client.identity for actor in scene.actors)
    assert ada.relay_url != phone.relay_url == tablet.relay_url
    assert ada.relay_pin == phone.relay_pin
    assert scene.bad.link.name == "tunnel"
    assert scene.home.link.name == "good"
    assert scene.bad.stats().up_bytes > 100_000, "the photograph went this way"
