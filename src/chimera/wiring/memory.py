"""What a start has made for good is taken out of the garbage collector's rounds.

Folded books grow with the journal's age and hardly anything of them is ever garbage, yet a full collection walks all
of it with the loop standing still: some 100 ms for 30,000 entries, whenever it happens to fall due. Must be called
where nothing that is short-lived is under way.
"""

import gc


def keep_for_good() -> int:
    """How many objects no collection looks at from now on; what was garbage already is collected first.

    They are freed like all others once nobody holds them. Only cycles among them stay, until the process ends.
    """
    gc.collect()
    gc.freeze()
    return gc.get_freeze_count()
