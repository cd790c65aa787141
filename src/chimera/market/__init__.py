"""From chain facts to a market that strategies can read. Decisions only: nothing here waits or asks."""
