"""Proves that the picture fits any terminal, and tells by signs what it tells by colour."""

from rich.cells import cell_len

from answerback.faces.demonstration.drawing import HEIGHT_REST, ROWS_MIN, WIDTH_MAX, level, strip
from answerback.faces.demonstration.signs import ASCII, UNICODE
from answerback.faces.demonstration.view import Sample
from tests.faces.demonstration.performance import Performance


def test_no_line_is_wider_than_the_terminal(performance: Performance) -> None:
    assert len(performance.pictures) > 20
    for width, _, _, lines in performance.pictures:
        assert all(cell_len(line) <= max(width, WIDTH_MAX) for line in lines)
        assert all(cell_len(line) <= width for line in lines), [line for line in lines if cell_len(line) > width]


def test_no_picture_is_higher_than_the_terminal_or_changes_its_height(performance: Performance) -> None:
    for _, height, _, lines in performance.pictures:
        assert len(lines) <= max(height, HEIGHT_REST + ROWS_MIN)
    assert len({len(lines) for _, height, _, lines in performance.pictures if height == 24}) == 1


def test_a_plain_terminal_gets_plain_signs(performance: Performance) -> None:
    plain = [line for _, _, signs, lines in performance.pictures if signs is ASCII for line in lines[:12]]
    assert plain
    fine = set("".join((UNICODE.bars, UNICODE.dark, UNICODE.done, UNICODE.on, UNICODE.off, *UNICODE.numbers)))
    assert not fine & set("".join(plain))


def test_a_wait_is_told_in_a_sentence(performance: Performance) -> None:
    asked = [lines for *_, lines in performance.pictures if any("still here?" in line for line in lines)]
    assert asked
    assert all(
        any(line.rstrip().endswith((".", ")", UNICODE.ellipsis, ASCII.ellipsis)) for line in lines) for lines in asked
    )


def test_the_strip_shows_rate_darkness_and_the_relays_death_without_colour() -> None:
    samples = [
        Sample(20e6, killed=False),
        Sample(25e3, killed=False),
        Sample(0.0, killed=False),
        Sample(1e6, killed=True),
    ]
    assert strip(samples, 10, UNICODE).plain == "█▁░×"
    assert strip(samples, 2, ASCII).plain == " x"
    assert [level(rate, 8) for rate in (1.0, 20e3, 20e6, 1e9)] == [0, 0, 7, 7]
