"""Where Redis is."""
