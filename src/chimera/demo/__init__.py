"""`chimera demo`: an embedded chain, its world and a desk, each a process of its own, and somebody who watches."""
