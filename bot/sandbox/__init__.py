"""A Slack workspace and a PolyAI on loopback: strict stand-ins for the demo and the tests.

They do not import the product. Where the real services are undocumented, the stand-ins take the
stricter reading, so that code that works here also works there.
"""
