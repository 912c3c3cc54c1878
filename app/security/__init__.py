"""What stands between the internet and the application, outermost first: headers, access, body."""
