"""Jobs: work outside requests, in small parts. See docs/jobs.md."""
