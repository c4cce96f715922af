"""Steps that contradict each other in which gradients are wrong, and which are right.

Where weights and biases differ by a factor, either may be right. Each step tells the one or the
other, by what its cost is nearest to; a step that computes the program's own cost knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from backproof.checks.choice import is_exact
from backproof.checks.gradient import StepEvidence


@dataclass(slots=True)
class Story:
    """What one step, or several, say: the names of the right and of the wrong parameters."""

    right: set[str] = field(default_factory=set)
    wrong: set[str] = field(default_factory=set)
    exact: bool = False
    """Those that are right are the gradients of the program's own cost."""

    def contradicts(self, other: Story) -> bool:
        """Whether what is wrong in the one is right in the other, and the other way round."""
        return bool(self.wrong & other.right and other.wrong & self.right)


class Stories:
    """What each judged step says."""

    def __init__(self) -> None:
        self.told: dict[int, Story] = {}

    def note(self, evidence: StepEvidence, name: str, status: str) -> None:
        """Add what a step says of one parameter."""
        story = self.told.setdefault(evidence.step, Story())
        if status in ("verified", "wrong"):
            (story.wrong if status == "wrong" else story.right).add(name)
        story.exact = evidence.fit is not None and is_exact(evidence.fit)

    def untrue(self) -> dict[int, set[str]]:
        """Return the steps that more others contradict than support, and what they call wrong."""
        found = {}
        for step, story in self.told.items():
            against = [s for s in self.told.values() if s.contradicts(story)]
            alike = [s for s in self.told.values() if s.wrong and s.wrong == story.wrong]
            if against and _weight(against) > _weight(alike):
                found[step] = story.wrong
        return found


def _weight(stories: list[Story]) -> tuple[int, int]:
    return sum(s.exact for s in stories), len(stories)
