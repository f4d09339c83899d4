"""The FastAPI service around the assessor."""
