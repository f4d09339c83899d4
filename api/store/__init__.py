"""What the class room remembers: tables, queries and photos at rest.

engine.py      where the database is and how a transaction is opened on it
models.py      the tables
migrate.py     bringing a database to the tables of this version
blobs.py       photos and clips, stored under the hash of their bytes
people.py, courses.py, submissions.py, jobs.py    every query there is, by subject

Queries flush, they never commit: whoever opened the transaction does (a request, a command, the
executor of a batch).
"""
