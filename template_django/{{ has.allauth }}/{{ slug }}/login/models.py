from django.db import models


class CacheEntry(models.Model):
    """A row of the cache in the database, whose table Django's DatabaseCache reads and writes.

    All workers share it, so they count failed logins together.
    """

    cache_key = models.CharField(max_length=255, primary_key=True)
    value = models.TextField()
    expires = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "cache"

    def __str__(self) -> str:
        return self.cache_key
