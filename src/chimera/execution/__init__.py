"""From an intent to a fill: plan, simulate, sign, send, watch. Decisions only; the role performs the effects."""
