"""One file a strategy; each ends with `STRATEGY = ...` and knows no other."""
