"""Not for reading: the package that ``python -m docs.generate`` needs. The documentation is the Markdown beside it."""
