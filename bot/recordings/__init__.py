"""One recording on its way: asked for, opened, relayed, shared."""
