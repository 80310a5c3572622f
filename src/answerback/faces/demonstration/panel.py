"""Draws the summary of a performance: the verdict, then a line for each thing it took."""

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from answerback.faces.demonstration.ending import Ending, headline, in_words

INDENT = 2
WIDTH_MAX = 92


def ending_panel(ending: Ending) -> RenderableType:
    """Set labels and lines in two columns under the verdict."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(max_width=WIDTH_MAX)
    for index, (label, line) in enumerate(in_words(ending)):
        table.add_row(label, Text(line, "" if index else "bold"))
    title = Text(headline(ending), "bold green" if ending.good else "bold red")
    return Padding(Group(title, Text(), table), (1, 0, 0, INDENT))
