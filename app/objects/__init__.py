"""Objects: local files and S3 objects, scored row by row into an object of the same format."""
