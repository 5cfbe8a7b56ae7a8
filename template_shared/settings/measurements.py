# Measurements: docs/measurements.md

ADMIN_GROUPS["analyst"] = ["measurements.view_measurement"]
ADMIN_GROUPS["editor"] += [
    "measurements.add_station",
    "measurements.change_station",
    "measurements.view_station",
]
