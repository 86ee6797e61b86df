"""kill -9 at random moments under load: of the server, of libvirtd and of PostgreSQL."""
