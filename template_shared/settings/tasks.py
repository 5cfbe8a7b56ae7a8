# The command `schedule` calls these functions, each after so many seconds.

JOB_SCHEDULE = {
    f"{__package__}.background.jobs.resend": 60,
    f"{__package__}.background.jobs.delete_old": 24 * 60 * 60,
}
