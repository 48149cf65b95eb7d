"""The checks of the exercises, one file per lesson.

They run against real parts: a fresh database, a real client, and the resources an answer leaves behind.
"""
