"""Channels hand messages over: e-mail, webhook."""
