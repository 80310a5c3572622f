"""Runs the command line as `python -m answerback`."""

from answerback.faces.cli import main

main()
