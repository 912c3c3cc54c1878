"""Why a text has its sentiment: words, a tree over them, and their Owen values."""
