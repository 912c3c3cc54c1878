"""ASGI middleware; `app.web.application` determines its order."""
