"""What ``penstock demo`` needs: an API with made-up records, and a configuration that reads it."""
