"""One model for many callers: worker threads, queues and batches. No HTTP."""
