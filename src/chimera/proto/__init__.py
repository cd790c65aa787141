"""Wire formats of the Geyser stream: generated messages, the service's method table, and the runtime's errors.

Knows bytes and field numbers, no transport and no domain type. `*_pb2` comes from `proto/generate.py`.
"""
