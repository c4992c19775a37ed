"""Text: recognized in pictures, and its language."""
