"""Documents: pages, paragraphs, headings and tables, each with its place."""
