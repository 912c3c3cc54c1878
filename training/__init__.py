"""From labelled text to a model bundle: data, base, train, evaluate, export."""
