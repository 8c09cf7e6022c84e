"""Who lives here: the actors of the service, and the ports through which they know the outside."""
