"""ASGI middleware; `app.main` puts them in order."""
