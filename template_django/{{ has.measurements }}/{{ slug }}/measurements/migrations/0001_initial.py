import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    dependencies = []

    operations = [
        migrations.CreateModel(
            name="Day",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "station_id",
                        "date",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("date", models.DateField()),
                ("count", models.IntegerField()),
                ("lowest", models.FloatField()),
                ("highest", models.FloatField()),
                ("mean", models.FloatField()),
                ("week_mean", models.FloatField()),
                ("change", models.FloatField(null=True)),
                ("rank", models.IntegerField()),
            ],
            options={
                "ordering": ("-date", "rank", "station_id"),
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Station",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("code", models.SlugField(unique=True)),
                ("name", models.CharField(max_length=100)),
            ],
            options={
                "ordering": ("code",),
            },
        ),
        migrations.CreateModel(
            name="Measurement",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("taken_at", models.DateTimeField()),
                ("value", models.FloatField()),
                (
                    "station",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        to="measurements.station",
                    ),
                ),
            ],
            options={
                "ordering": ("-taken_at", "-id"),
                "indexes": [models.Index(fields=["-taken_at", "-id"], name="measurement_newest")],
                "constraints": [
                    models.UniqueConstraint(fields=("station", "taken_at"), name="measurement_once")
                ],
            },
        ),
    ]
