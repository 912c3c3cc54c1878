"""Text to calibrated sentiment. Knows neither the web nor AWS."""
