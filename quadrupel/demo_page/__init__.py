"""The page that `quadrupel up` shows: a portal of made citizens, and buttons that make events."""
