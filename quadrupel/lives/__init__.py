"""The lives of synthetic citizens, one module per part of a life."""
