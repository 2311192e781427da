"""A Slack workspace and a PolyAI on loopback: strict stand-ins for the demo and the tests.

They do not import the product. Where the real services are undocumented they behave as the stricter
reading says, so that code that works here also works there.
"""
