"""Reactions of the execution plane to a transaction that has happened: type B. Off unless settings say otherwise.

Each worker reacts to a parent, ours or one seen on the stream, that is on the chain already: nothing is ever placed
before somebody's transaction, and nobody is sandwiched. What a worker wants is a circle of swaps, which passes the
gate like any other intent, is simulated, and goes as a bundle or not at all.
"""
