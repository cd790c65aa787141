"""What each of our strategies goes by: names, units, ranges and defaults, said here and nowhere else.

A strategy takes its struct as it is; the settings put `enabled` and `share_percent` before it; whoever shows or asks
for a parameter reads its type, its range and the words beneath it from here (docs/adr/0012). Must not know either.
"""
