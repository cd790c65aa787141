"""Who folds which facts: one listener of the journal that tells everybody of what concerns him, and of nothing else.

A dozen rooms fold the journal and most know two kinds of fact; to ask all of them about each one cost more than
writing it down. A room says what it folds in its FOLDS, and a test holds that against what its code looks at.
"""

from collections.abc import Callable, Collection

from chimera.domain.messages import Entry

Fold = Callable[[Entry], None]


class Folding:
    """Call it with each entry, in the journal's order."""

    def __init__(self) -> None:
        self._folds: list[tuple[Fold, Collection[type] | None]] = []
        self._of: dict[type, tuple[Fold, ...]] = {}

    def add(self, fold: Fold, *, of: Collection[type] | None = None) -> None:
        """Tells `fold` of these kinds of fact (of all, where None), after those that were added before."""
        self._folds.append((fold, of))
        self._of.clear()

    def __call__(self, entry: Entry) -> None:
        kind = type(entry.fact)
        folds = self._of.get(kind)
        if folds is None:
            folds = self._of[kind] = tuple(fold for fold, of in self._folds if of is None or kind in of)
        for fold in folds:
            fold(entry)
