"""Entry point of servers: ``uvicorn app.main:app``. Importing this module loads the model.

The factory is `app.web.application.from_environment`; importing its module loads no model.
"""

from app.web import application

app = application.from_environment()
