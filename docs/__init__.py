"""The guides, and in `docs.tables` what writes their tables."""
