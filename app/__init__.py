"""A sentiment analysis service for HTTP requests and AWS events."""

__version__ = "2.0.0"
