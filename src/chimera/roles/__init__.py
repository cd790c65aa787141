"""The loops: they wait and forward, and hold no rules."""
