"""A sentiment-scoring service: one function for HTTPS calls and for events."""

__version__ = "2.0.0"
