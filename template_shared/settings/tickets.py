# Tickets: docs/tickets.md

ACCOUNT_ADAPTER = f"{__package__}.tickets.adapter.StaffAdapter"  # closes the sign-up
ADMIN_GROUPS["editor"] += [
    "tickets.add_ticket",
    "tickets.change_ticket",
    "tickets.delete_ticket",
    "tickets.view_ticket",
]
ADMIN_GROUPS["support"] += ["tickets.view_ticket"]
