# Pages

LOGIN_URL = "admin:login"  # for pages that require a login
