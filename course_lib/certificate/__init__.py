"""Certificates: what was proved, as a document inside a PDF page whose every byte is sealed, and perhaps signed."""
