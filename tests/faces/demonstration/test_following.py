"""Proves that a terminal gets a moving picture, and anything else plain lines."""

from tests.faces.demonstration.performance import Performance


def test_plain_lines_tell_what_changes(performance: Performance) -> None:
    told = "\n".join(performance.lines)
    assert "Ada's link: signal" in told
    assert "Ada's phone: connected" in told
    assert "relay: killed 1 times" in told or "relay: killed 2 times" in told
    assert "answered by every device" in told
    assert "\x1b" not in told


def test_the_moving_picture_ends_with_everything_answered(performance: Performance) -> None:
    assert performance.live.count("answerback demo") > 10
    assert "13 written   13 answered by every device" in performance.live
    assert "\x1b[3" not in performance.live.replace("\x1b[?25", ""), "no colour where there is none"
