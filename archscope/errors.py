"""One exception tree. Each error is a sentence a person can act on, and says its exit code.

ArchscopeError           exit 2
|- GraphError            a graph that does not hold together: names, order, shapes
|- SurgeryError          an edit that cannot be made to this network
|- DesignError           a wrong spec, design file, model name or model argument
|- DataError             a data set that is missing, damaged or not what it says
|- TrainingError         a training that cannot start or go on
|  `- DivergedError      ... because its loss is no number any more
|- RunError              a run folder that cannot be read or written
|- OutputError           a file or folder that cannot be written
`- StoppedError          stopped by a signal: exit 128 + its number
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class ArchscopeError(Exception):
    """What is wrong (with the value and the rule), and what to do about it.

    `message` names the value and the rule; `remedy` is the rest of the sentence: a command or a choice.
    The command line prints `command: message; remedy` on stderr and exits with `exit_code`.
    """

    exit_code = 2

    def __init__(self, message: str, remedy: str = "") -> None:
        super().__init__(f"{message}; {remedy}" if remedy else message)
        self.message = message
        self.remedy = remedy


class GraphError(ArchscopeError):
    """A graph that does not hold together."""


class SurgeryError(ArchscopeError):
    """An edit that cannot be made to this network."""


class DesignError(ArchscopeError):
    """A wrong spec, design file, model name or model argument."""


class DataError(ArchscopeError):
    """A data set that is missing, damaged or not what it says."""


class TrainingError(ArchscopeError):
    """A training that cannot start or go on."""


class DivergedError(TrainingError):
    """A training whose loss is no number any more."""


class RunError(ArchscopeError):
    """A run folder that cannot be read or written."""


class OutputError(ArchscopeError):
    """A file or folder that cannot be written."""


class StoppedError(ArchscopeError):
    """Stopped by a signal, in good order."""

    def __init__(self, message: str, remedy: str, exit_code: int) -> None:
        super().__init__(message, remedy)
        self.exit_code = exit_code


def did_you_mean(wrong: str, known: Iterable[str], otherwise: str = "") -> str:
    """A remedy that names the nearest known words, or `otherwise` where nothing is near."""
    # Case is no difference a person means; the answer keeps the known spelling.
    by_lower = {word.lower(): word for word in known}
    near = [by_lower[word] for word in get_close_matches(wrong.lower(), by_lower, n=3, cutoff=0.5)]
    if not near:
        near = [word for lower, word in by_lower.items() if wrong and lower.startswith(wrong.lower())][:3]
    if not near:
        return otherwise
    return "did you mean " + " or ".join(repr(word) for word in near) + "?"


def reason_of(error: OSError) -> str:
    """The system's own reason, in lower case."""
    return (error.strerror or str(error)).lower()
