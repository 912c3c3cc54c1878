"""Explains predictions: the words of a text, a tree over them, and their Owen values."""
