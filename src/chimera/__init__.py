"""Chimera: automated trading on Solana. Rooms and their rules: docs/tour.md."""

__version__ = "0.1.0"
