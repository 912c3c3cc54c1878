"""What became of predictions: how right feedback says they were, and whether they have shifted."""
