# API: https://www.django-rest-framework.org/api-guide/settings/

REST_FRAMEWORK: dict[str, object] = {
    "DEFAULT_PARSER_CLASSES": [f"{__package__}.core.api.JSONParser"],
    "DEFAULT_RENDERER_CLASSES": [f"{__package__}.core.api.JSONRenderer"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": f"{__package__}.core.api.exception_handler",
}

# Its schema: https://drf-spectacular.readthedocs.io/en/latest/settings.html

SPECTACULAR_SETTINGS = {
    "TITLE": NAME,
    "DESCRIPTION": DESCRIPTION,
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": "/api/(v[0-9]+)?",  # left out of operation ids
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        f"{__package__}.openapi.add_problems",
    ],
    "SWAGGER_UI_DIST": "SIDECAR",  # served locally, not from a CDN
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
}
