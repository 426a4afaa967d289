"""The stages of the flow, one file each: ingest, evaluate, publish, send, schedule."""
