# Admin: docs/admin.md

ADMIN_PATH = environment.admin_path
ADMIN_NETWORKS = environment.admin_networks  # that may use the admin; if empty, all may
ADMIN_SECOND_FACTOR = IN_PRODUCTION  # in development, a password is enough
ADMIN_SESSION_HOURS = 12  # until staff have to give the second factor again
ADMIN_IDLE_MINUTES = environment.admin_idle_minutes  # until their session ends; 0: never
ACCOUNT_REAUTHENTICATION_TIMEOUT = 10 * 60  # seconds in which staff can change accounts
ADMIN_GROUPS = {  # with exactly these permissions, after each `migrate`
    "editor": ["items.add_item", "items.change_item", "items.delete_item", "items.view_item"],
    "support": ["items.view_item", "accounts.view_user", "usersessions.view_usersession"],
}
DATA_UPLOAD_MAX_NUMBER_FIELDS = 10_000  # a confirmation has a field for each object to delete
