"""From text to calibrated sentiment. Imports no other part of the application."""
