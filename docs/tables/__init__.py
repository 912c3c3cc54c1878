"""Tables of the README and the guides, written from the code, the template and measurements."""
