# Tickets: docs/tickets.md

ADMIN_GROUPS["editor"] += [
    "tickets.add_ticket",
    "tickets.change_ticket",
    "tickets.delete_ticket",
    "tickets.view_ticket",
]
ADMIN_GROUPS["support"] += ["tickets.view_ticket"]
