"""Quotes from many suppliers, asked at once. An example of calls to other services."""
