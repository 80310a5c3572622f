"""Holds back whatever would happen to an agent that is stopped, until it goes on."""

from answerback.device.agent import Agent, Change


class StoppableAgent(Agent):
    """The real agent in a process that can be stopped, as by SIGSTOP: what happens meanwhile waits for it."""

    _waiting: list[Change] | None = None

    @property
    def is_stopped(self) -> bool:
        """Whether it handles nothing for now."""
        return self._waiting is not None

    def stop_for_now(self) -> None:
        """Handle nothing from now on."""
        if self._waiting is None:
            self._waiting = []

    def go_on(self) -> None:
        """Handle what has happened meanwhile, in its order, and go on."""
        waiting, self._waiting = self._waiting, None
        for make in waiting or ():
            super()._try(make)

    def _try(self, make: Change) -> None:
        if self._waiting is None:
            super()._try(make)
        else:
            self._waiting.append(make)
