"""Helpers for applications: say who acts, in the transaction that writes.

`pgaudit_kit.clients.psycopg`, `.sqlalchemy` and `.django` each need that library and nothing else of the kit;
`.hlc` orders what happens on several nodes.
"""
