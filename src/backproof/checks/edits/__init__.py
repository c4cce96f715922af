"""The one-place edits of an operation that a slip of the pen may call for.

`edit` says what an edit is; `kinds` lists the kinds of edits, and each other module makes some.
"""
