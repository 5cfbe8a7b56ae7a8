"""The bucket for uploaded files, and CDNs."""

from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints, ValidationInfo, field_validator

Domain = Annotated[str, StringConstraints(pattern=r"^([A-Za-z0-9.-]+)?$")]


class MediaSettings(BaseModel):
    """Production requires a bucket. Without a key, boto3 uses the role of the machine."""

    s3_bucket: str = Field(default="", pattern=r"^([a-z0-9][a-z0-9-]*)?$")
    s3_region: str = Field(default="", pattern=r"^([a-z0-9-]+)?$")
    s3_endpoint_url: str = Field(default="", pattern=r"^(https?://[A-Za-z0-9.-]+(:[0-9]+)?)?$")
    s3_access_key_id: str = ""
    s3_secret_access_key: str = Field(default="", repr=False)
    media_domain: Domain = ""
    static_domain: Domain = ""

    @field_validator("s3_bucket", "s3_region")
    @classmethod
    def _production_has_a_bucket(cls, value: str, info: ValidationInfo) -> str:
        if not value and info.data.get("environment") == "production":
            raise ValueError("required in production")
        return value

    @field_validator("s3_region")
    @classmethod
    def _bucket_has_a_region(cls, region: str, info: ValidationInfo) -> str:
        if not region and info.data.get("s3_bucket"):
            raise ValueError("required with S3_BUCKET: signatures contain it")
        return region

    @field_validator("s3_secret_access_key")
    @classmethod
    def _key_is_complete(cls, secret: str, info: ValidationInfo) -> str:
        if bool(secret) != bool(info.data.get("s3_access_key_id")):
            raise ValueError("set both S3_ACCESS_KEY_ID and S3_SECRET_ACCESS_KEY, or neither")
        if not secret and info.data.get("s3_endpoint_url"):
            raise ValueError("required with S3_ENDPOINT_URL")
        return secret

    def storage(self) -> dict[str, Any]:
        """Return the entry of STORAGES. URLs of files are signed, and expire."""
        if not self.s3_bucket:
            return {"BACKEND": "django.core.files.storage.FileSystemStorage"}
        from botocore.config import Config  # takes a while, and development does without

        options = {
            "bucket_name": self.s3_bucket,
            "region_name": self.s3_region,
            "endpoint_url": self.s3_endpoint_url or f"https://s3.{self.s3_region}.amazonaws.com",
            "access_key": self.s3_access_key_id or None,
            "secret_key": self.s3_secret_access_key or None,
            "client_config": Config(
                signature_version="s3v4",
                s3={"addressing_style": "path" if self.s3_endpoint_url else "virtual"},
                # By default, a bucket that does not respond would occupy a thread for minutes.
                connect_timeout=2,
                read_timeout=5,
                retries={"total_max_attempts": 2},
            ),
            "default_acl": None,  # the bucket's: private
            "querystring_expire": 3600,  # seconds
            "file_overwrite": False,
            "custom_domain": self.media_domain or None,
        }
        return {"BACKEND": f"{__package__}.storage.BucketStorage", "OPTIONS": options}

    def sources_of_uploads(self) -> list[str]:
        """Return where browsers may load images from, for the setting SECURE_CSP."""
        if not self.s3_bucket:
            return []
        if self.media_domain:
            return [f"https://{self.media_domain}"]
        if self.s3_endpoint_url:
            return [f"{self.s3_endpoint_url}/{self.s3_bucket}/"]
        return [f"https://{self.s3_bucket}.s3.{self.s3_region}.amazonaws.com"]
