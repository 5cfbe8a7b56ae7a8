"""Functions for AWS Lambda. Each module has a `handler`."""

import os

# Lambda freezes a process between two invocations, for minutes. A connection that stays open
# meanwhile would count against the server's limit, and may be closed by then.
os.environ["DATABASE_POOL_SIZE"] = "0"
