"""Handing back: tables, reports and the grade books of others. Rows and bytes in, bytes out."""
