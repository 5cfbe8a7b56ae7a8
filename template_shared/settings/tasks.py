# The functions that the command `schedule` calls, and their intervals in seconds.

JOB_SCHEDULE = {
    f"{__package__}.background.jobs.resend": 60,
    f"{__package__}.background.jobs.delete_old": 24 * 60 * 60,
}
