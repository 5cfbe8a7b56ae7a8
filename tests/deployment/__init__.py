"""Deployment files of rendered projects: run in a container engine, or validated by strict tools."""
