"""A sentiment-scoring service: one function for HTTPS calls and for events."""

__version__ = "0.1.0"
