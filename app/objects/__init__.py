"""Whole objects of texts, local or in S3: read as a stream, scored, written in the same format."""
