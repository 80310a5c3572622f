"""Tells about the program itself: its version, and how a shell completes its commands."""

import click

from answerback.faces.output import tell_json


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON.")
def version(*, as_json: bool) -> None:
    """Print the version."""
    from answerback import __version__
    from answerback.wire.frames import WIRE_VERSION

    if as_json:
        tell_json({"version": __version__, "wire": WIRE_VERSION})
    else:
        click.echo(f"answerback {__version__}, wire version {WIRE_VERSION}")


@click.command(epilog="For bash: answerback completion bash > ~/.local/share/bash-completion/completions/answerback")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(shell: str) -> None:
    """Print what makes your shell complete commands."""
    from click.shell_completion import get_completion_class

    from answerback.faces.cli import cli

    kind = get_completion_class(shell)
    assert kind is not None, "click knows all of these"
    click.echo(kind(cli, {}, "answerback", "_ANSWERBACK_COMPLETE").source())
