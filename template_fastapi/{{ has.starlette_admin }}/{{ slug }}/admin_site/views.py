"""The base class of pages for a model: https://jowilf.github.io/starlette-admin/user-guide/."""

from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, ClassVar

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from sqlalchemy import Select, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession
from starlette.requests import Request
from starlette_admin import BaseModelView, StringField
from starlette_admin.exceptions import ActionFailed, FormValidationError
from starlette_admin.filters import FilterGroup

from ..core.problems import ConflictError, ServiceError, field_errors

IDS: TypeAdapter[int] = TypeAdapter(Annotated[int, Field(ge=1, le=2**63 - 1)])
GREATEST = 2**31  # number of rows that a list can skip
NEWER = "Somebody else has changed this. Reload the page."


class ModelView(BaseModelView):
    """Pages that read rows of a model, and change them as the API does.

    Only `fields` are shown, searched or sorted. Creating a row needs `create_schema`, editing it
    `update_schema`, and deleting it `can_remove`. There are no exports or imports.
    """

    model: ClassVar[type[Any]]
    read_schema: ClassVar[type[BaseModel] | None] = None
    create_schema: ClassVar[type[BaseModel] | None] = None
    update_schema: ClassVar[type[BaseModel] | None] = None
    can_remove: ClassVar[bool] = False

    pk_attr = "id"
    searchable_fields: Sequence[str] | None = ()
    sortable_fields: Sequence[str] | None = ("id",)
    exporters = ()
    importers = ()
    column_visibility = False
    search_highlight = False

    def __init__(self) -> None:
        if schema := self.read_schema:  # the form contains the version that it shows
            version = StringField(
                "version",
                label="",
                getter=lambda _, row: version_of(schema, row),
                exclude_from_list=True,
                exclude_from_detail=True,
                exclude_from_create=True,
                label_template="empty.html",
                form_template="version.html",
            )
            self.fields = [*self.fields, version]
        super().__init__()

    # Override these: they call the service to change rows.

    async def add(self, session: AsyncSession, values: Any) -> Any:
        """Add a row with the values of `create_schema`."""
        raise NotImplementedError

    async def change(self, session: AsyncSession, row_id: int, values: Any) -> Any:
        """Change a row, with the values of `update_schema`."""
        raise NotImplementedError

    async def remove(self, session: AsyncSession, row_id: int) -> None:
        """Delete a row, if `can_remove`."""
        raise NotImplementedError

    async def repr(self, obj: Any, request: Request) -> str:
        """Name a row in messages by its first text, such as its name."""
        texts = (field.name for field in self.fields if type(field) is StringField)
        return str(getattr(obj, next(texts, "id"), obj.id))

    # Permissions

    def can_create(self, request: Request) -> bool:
        return self.create_schema is not None

    def can_edit(self, request: Request) -> bool:
        return self.update_schema is not None

    def can_delete(self, request: Request) -> bool:
        return self.can_remove

    def can_export(self, request: Request) -> bool:
        return False

    def can_import(self, request: Request) -> bool:
        return False

    # Reading

    def found(
        self, statement: Select[Any], q: str | None, filters: FilterGroup | None
    ) -> Select[Any]:
        """Select the rows that contain a text in one of `searchable_fields`."""
        if filters and filters.rules:  # otherwise an action for all filtered rows would take all
            raise NotImplementedError("override `found` to apply the filters of fields")
        columns = [getattr(self.model, name) for name in self.searchable_fields or ()]
        if not q or not columns:
            return statement
        return statement.where(or_(*(column.icontains(q, autoescape=True) for column in columns)))

    async def find_all(
        self,
        request: Request,
        skip: int = 0,
        limit: int = 100,
        q: str | None = None,
        sorts: Sequence[tuple[str, str]] | None = None,
        filters: FilterGroup | None = None,
    ) -> Sequence[Any]:
        statement = self.found(select(self.model), q, filters)
        for name, direction in sorts or ():  # those in `sortable_fields`
            column = getattr(self.model, name)
            statement = statement.order_by(column.desc() if direction == "desc" else column)
        statement = statement.order_by(self.model.id).offset(min(skip, GREATEST))
        if limit >= 0:  # an action for all rows of a search asks for -1
            statement = statement.limit(limit)
        rows: Sequence[Any] = (await request.state.session.scalars(statement)).all()
        return rows

    async def count(
        self, request: Request, q: str | None = None, filters: FilterGroup | None = None
    ) -> int:
        statement = self.found(select(func.count()).select_from(self.model), q, filters)
        return int(await request.state.session.scalar(statement))

    async def find_by_pk(self, request: Request, pk: Any) -> Any:
        return next(iter(await self.find_by_pks(request, [pk])), None)

    async def find_by_pks(self, request: Request, pks: list[Any]) -> Sequence[Any]:
        known = [row_id for row_id in map(id_of, pks) if row_id is not None]
        statement = select(self.model).where(self.model.id.in_(known)).order_by(self.model.id)
        rows: Sequence[Any] = (await request.state.session.scalars(statement)).all()
        return rows

    # Changes

    async def create(self, request: Request, data: dict[str, Any]) -> Any:
        values = self.validated(self.create_schema, data)
        session: AsyncSession = request.state.session
        try:
            async with session.begin_nested():
                row = await self.add(session, values)
        except ServiceError as error:
            raise self.refusal(error) from error
        self.log(request, "create", row.id)
        return row

    async def edit(self, request: Request, pk: Any, data: dict[str, Any]) -> Any:
        # Inline editing sends one field, and no version.
        schema = self.read_schema if "version" in data else None
        seen = data.pop("version", None)
        values = self.validated(self.update_schema, data)
        session: AsyncSession = request.state.session
        row_id = IDS.validate_python(pk)
        try:
            async with session.begin_nested():
                statement = select(self.model).where(self.model.id == row_id)
                locked = statement.with_for_update(key_share=True)  # rows may refer to it meanwhile
                newest = locked.execution_options(populate_existing=True)
                row = (await session.scalars(newest)).one_or_none()
                if schema and (row is None or version_of(schema, row) != seen):
                    raise ConflictError(NEWER)
                row = await self.change(session, row_id, values)
        except ServiceError as error:
            raise self.refusal(error) from error
        self.log(request, "edit", row_id)
        return row

    async def delete(self, request: Request, pks: list[Any]) -> int | None:
        if not self.can_remove:
            raise ActionFailed("Forbidden")
        session: AsyncSession = request.state.session
        rows = [row.id for row in await self.find_by_pks(request, pks)]
        try:
            for row_id in rows:
                await self.remove(session, row_id)
        except ServiceError as error:
            raise ActionFailed(str(error)) from error
        for row_id in rows:
            self.log(request, "delete", row_id)
        return len(rows)

    def validated(self, schema: type[BaseModel] | None, data: dict[str, Any]) -> BaseModel:
        """Check a form as the API checks a body."""
        assert schema is not None  # noqa: S101 - can_create or can_edit
        try:
            return schema.model_validate({name: as_sent(data[name]) for name in data})
        except ValidationError as error:
            found = field_errors(error.errors(include_input=False))
            raise FormValidationError({each["field"]: each["message"] for each in found}) from error

    def refusal(self, error: ServiceError) -> FormValidationError:
        """Show an error of the service at the first field of the form."""
        first = next(field for field in self.fields if not field.exclude_from_create)
        return FormValidationError({first.name: str(error)})

    def log(self, request: Request, action: str, row_id: int) -> None:
        """Log a change, once it is committed."""
        change = {"event": "admin change", "action": action, "view": self.key, "object": row_id}
        request.state.changes.append(change | {"account": request.state.administrator.id})


def as_sent(value: Any) -> Any:
    """Return a form's value as a client of the API would send it."""
    if isinstance(value, str):  # browsers send line breaks as CR LF, but count one character
        return value.replace("\r\n", "\n")
    if isinstance(value, datetime) and value.tzinfo is None:
        return value.replace(tzinfo=UTC)  # pages show times in UTC
    return value


def version_of(schema: type[BaseModel], row: Any) -> str:
    """Return a digest of the row as the API sends it, like its ETag."""
    resource = schema.model_validate(row, from_attributes=True)
    return sha256(resource.model_dump_json().encode()).hexdigest()


def id_of(pk: Any) -> int | None:
    """Return the id in a URL, or None if it is not one."""
    try:
        return IDS.validate_python(pk)
    except ValidationError:
        return None
