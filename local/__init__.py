"""What stands in for AWS and a browser on this machine, for tests, benchmarks and commands."""
