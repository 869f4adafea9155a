//! Sources, events, message envelope, configuration and the ports of the gateway.
