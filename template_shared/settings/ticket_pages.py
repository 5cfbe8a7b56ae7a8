LOGIN_REDIRECT_URL = "home"  # links to the tickets
