"""The nouns of the product: frozen values, no behaviour beyond their own arithmetic.

Must not know any other room. Standard library and msgspec only.
"""
