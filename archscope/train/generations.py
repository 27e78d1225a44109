"""Two generations of a training's state in a folder: each save replaces the older one, whole or not at all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from archscope.errors import TrainingError, reason_of
from archscope.files import write_atomic
from archscope.train.state import START_ANEW, TrainingState, decode_state, encode_state

GENERATIONS = ("state-a.npz", "state-b.npz")


@dataclass(slots=True)
class Generations:
    """The saved states in `folder`; `newest` names the one that was saved or loaded last.

    One process at a time: whoever saves holds the folder's lock.
    """

    folder: Path
    newest: str = GENERATIONS[1]

    def save(self, state: TrainingState) -> None:
        """Write `state` over the older generation. Raises OutputError when the disk refuses; both then stand."""
        older = next(name for name in GENERATIONS if name != self.newest)
        write_atomic(self.folder / older, encode_state(state))
        self.newest = older

    def load(self) -> tuple[TrainingState, str]:
        """The later of the states that can be read, and a note on the one that cannot ("" where both can).

        Raises TrainingError where none can.
        """
        found: dict[str, TrainingState] = {}
        errors: list[TrainingError] = []
        for name in GENERATIONS:
            try:
                found[name] = decode_state((self.folder / name).read_bytes(), str(self.folder / name))
            except FileNotFoundError:
                continue
            except OSError as error:
                reason = reason_of(error)
                errors.append(TrainingError(f"cannot read {self.folder / name}: {reason}", "check the path"))
            except TrainingError as error:
                errors.append(error)
        if not found:
            raise _nothing_left(self.folder, errors)
        self.newest = max(found, key=lambda name: (found[name].epoch, found[name].step))
        state = found[self.newest]
        return state, f"{errors[0].message}; the other saved state is whole, up to {state.place}" if errors else ""

    def remove_leftovers(self) -> None:
        """Remove what a save that was killed has left lying about."""
        for path in self.folder.glob(".state-[ab].*"):
            path.unlink(missing_ok=True)


def has_state(folder: Path) -> bool:
    """Whether a state was ever saved in `folder`."""
    return any((folder / name).exists() for name in GENERATIONS)


def _nothing_left(folder: Path, errors: list[TrainingError]) -> TrainingError:
    if not errors:
        return TrainingError(f"there is no saved training in {folder}", START_ANEW)
    return TrainingError(", and ".join(error.message for error in errors), START_ANEW)
