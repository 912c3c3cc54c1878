"""Logs, metrics and the observation of each request and batch of records."""
