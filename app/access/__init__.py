"""API keys and rate limits, without HTTP."""
