"""What the wallet as a whole should hold. Decisions only: it neither waits nor asks."""
