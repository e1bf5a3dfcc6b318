"""Names that the installation and its rows share."""

SCOUT = "test-scout"
MAVERICK = "test-maverick"
UNHEALTHY = "far-maverick"
PASSWORD = "correct horse battery staple"
