"""A Slack workspace and a PolyAI on loopback: strict stand-ins for the demo and the tests.

They know nothing of the product. Where the real services are undocumented they take the stricter
reading, so that what works here does not rest on luck there.
"""
