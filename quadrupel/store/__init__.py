"""Postgres: one module per noun, every statement that touches a table."""
