"""What is known of a request or a batch of records afterwards: one log line, and metrics."""
