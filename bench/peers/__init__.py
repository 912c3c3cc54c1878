"""Other ways to score a text on a CPU, in environments of their own."""
