"""Built-in plugins, registered by entry points like anybody's."""
