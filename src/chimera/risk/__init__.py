"""May it happen? Pure decisions over what is known now; unknown means no buys, exits stay possible."""
