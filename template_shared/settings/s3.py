# Uploaded files: in a bucket, or in media/ in development without one. See docs/media.md.

MEDIA_URL = "media/"
MEDIA_ROOT = str(BASE_DIR / "media")
STORAGES["default"] = environment.storage()
SECURE_CSP["img-src"] += environment.sources_of_uploads()

# A CDN in front of /static/.
if environment.static_domain:
    STATIC_URL = f"https://{environment.static_domain}/static/"
    for directive in ("img-src", "script-src", "style-src"):
        SECURE_CSP[directive].append(f"https://{environment.static_domain}")
