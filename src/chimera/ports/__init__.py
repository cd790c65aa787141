"""Sockets between the rooms: protocols only, no behaviour."""
