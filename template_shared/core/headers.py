"""What browsers are told with every response, pages and API alike. A view may say otherwise."""

from types import MappingProxyType

# Nothing that the API sends is a page; pages have a policy of their own.
SECURITY_HEADERS = MappingProxyType(
    {
        "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "DENY",
        "Referrer-Policy": "same-origin",
        "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
        "Cross-Origin-Opener-Policy": "same-origin",
    }
)
HSTS = "max-age=31536000"  # a year; whether subdomains are included is for the domain's owner
