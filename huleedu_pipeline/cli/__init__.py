"""The command line `huleedu`: thin commands over the same jobs, decisions and stores that the daemon and notebooks use."""
