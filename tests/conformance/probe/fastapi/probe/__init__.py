"""What the conformance suite asks a service to do."""
