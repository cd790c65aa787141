"""What is true of the chain for every venue: keys, account layouts, curve arithmetic, program logs.

Pure and synchronous; knows bytes and integers, no venue and no node.
"""
