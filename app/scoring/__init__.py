"""One model for many callers: threads, queues and batches. Knows no HTTP."""
