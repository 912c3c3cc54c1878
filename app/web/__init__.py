"""HTTP: the application, its routes, middleware, errors and pages."""
