"""Builds every stage from connected parts and runs it: a module a stage.

Each is read by the processes of its stage alone. Evaluate and schedule read Polars, send reads the
clients of mail servers and webhooks; the others start sooner without them, and are smaller.
"""
