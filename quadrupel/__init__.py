"""Quadrupel: a rule-driven targeted notification service."""
