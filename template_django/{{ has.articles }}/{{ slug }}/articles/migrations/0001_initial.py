from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Article",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("title", models.CharField(max_length=200)),
                ("slug", models.SlugField(max_length=100, unique=True, verbose_name="address")),
                ("summary", models.CharField(help_text="For lists and the feed.", max_length=300)),
                (
                    "text",
                    models.TextField(
                        help_text="An empty line begins a new paragraph.", max_length=100000
                    ),
                ),
                (
                    "published_at",
                    models.DateTimeField(
                        blank=True,
                        db_index=True,
                        help_text="A draft has no time; one to come is a schedule.",
                        null=True,
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True)),
                ("updated_at", models.DateTimeField(auto_now=True)),
            ],
            options={
                "ordering": ("-published_at", "-id"),
                "permissions": (("publish_article", "Can publish article"),),
            },
        ),
    ]
