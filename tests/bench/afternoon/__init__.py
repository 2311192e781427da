"""A bot that somebody writes in an afternoon, to measure the product against."""
