"""The same house on yesterday's market: a simulated chain, a stepped clock, and what the outcome proves."""
