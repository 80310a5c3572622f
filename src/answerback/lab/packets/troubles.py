"""What can go wrong with a laboratory."""

from answerback.model.errors import AnswerbackError


class LabBroken(AnswerbackError):
    """The lab's own network or one of its processes broke; the run says nothing about the product."""


class NamespacesRefused(LabBroken):
    """This system does not let us make network namespaces or TUN devices."""
