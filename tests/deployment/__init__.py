"""What a rendered project is deployed with, applied: run in a container engine, or validated by the strictest tool."""
