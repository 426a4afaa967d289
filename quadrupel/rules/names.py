"""Names: how they are written, and which an attribute cannot have."""

import re

_OWN_COLUMNS = frozenset({"user_id", "version", "updated_at", "fold_state", "erased"})

_EXAMPLE_WORDS = frozenset({"today"})
"""What an example of a rule says beside attribute values."""

_POSTGRES_COLUMNS = frozenset({"cmax", "cmin", "ctid", "oid", "tableoid", "xmax", "xmin"})

_SQL_WORDS = frozenset(
    """
    all analyse analyze and any array as asc asymmetric authorization binary both case cast check
    collate collation column concurrently constraint create cross current_catalog current_date
    current_role current_schema current_time current_timestamp current_user default deferrable desc
    distinct do else end except false fetch for foreign freeze from full grant group having ilike
    in initially inner intersect into is isnull join lateral leading left like limit localtime
    localtimestamp natural not notnull null offset on only or order outer overlaps placing primary
    references returning right select session_user similar some symmetric system_user table
    tablesample then to trailing true union unique user using variadic verbose when where window
    with
    """.split()  # noqa: SIM905 -- a hundred words read better without quotes
)
"""The words PostgreSQL reserves (Appendix C of its manual)."""

RESERVED_COLUMNS = _OWN_COLUMNS | _EXAMPLE_WORDS | _POSTGRES_COLUMNS | _SQL_WORDS

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{2,63}")
"""The id of a rule (its file's name), the name of a template or of an endpoint."""
