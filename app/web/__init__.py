"""HTTP: problems, routes, middleware and the pages."""
