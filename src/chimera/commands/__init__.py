"""Families of commands that `chimera.cli` hangs under one word each; they parse, call and print."""
