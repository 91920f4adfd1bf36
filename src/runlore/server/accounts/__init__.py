"""Accounts: users, teams, roles on experiments, tokens, sessions, and the record of who did what.

They are not derived data: they are kept in a database of their own, beside the store and not in it.
"""
