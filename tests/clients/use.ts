// Use the client that openapi-typescript generates, as a page does: node use.ts URL
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components, paths } from "./schema.d.ts";

type Item = components["schemas"]["ItemRead"];
type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({ baseUrl: process.argv[2] });

const login = await client.POST("/api/token", {
  body: { grant_type: "password", username: "dev@example.com", password: "for-development" },
  bodySerializer: (form) => new URLSearchParams({ ...form }),
  headers: { "Content-Type": "application/x-www-form-urlencoded" },
});
assert(login.data);
const token: string = login.data.access_token;

// Without a token, the answer is a problem.
const refused = await client.POST("/api/v1/items", { body: { name: "ts-0" } });
const problem: Problem | undefined = refused.error;
assert.equal(problem?.status, 401);
assert.equal(problem.title, "Unauthorized");

client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
  },
});

// A create that is repeated, as after a timeout.
const key = randomUUID();
const once = { params: { header: { "idempotency-key": key } }, body: { name: "ts-1", quantity: 3 } };
const created = await client.POST("/api/v1/items", once);
const repeated = await client.POST("/api/v1/items", once);
assert(created.data);
assert.equal(created.response.status, 201);
assert.equal(repeated.response.headers.get("Idempotent-Replayed"), "true");
assert.deepEqual(repeated.data, created.data);

// An invalid value names its field.
const invalid = await client.POST("/api/v1/items", { body: { name: "ts-2", quantity: -1 } });
assert.equal(invalid.error?.errors?.[0]?.field, "body.quantity");

// Many at once, with a result for each.
const bulk = await client.POST("/api/v1/items:bulk", {
  body: { entries: [{ name: "ts-2" }, { name: "ts-1" }, { name: "ts-3" }] },
});
assert.deepEqual(bulk.data?.results.map((result) => result.status), [201, 409, 201]);
assert.equal(bulk.data.results[0]?.created?.name, "ts-2");

// All pages, one after the other.
const items: Item[] = [];
let cursor: string | null | undefined = "";
do {
  const page: { data?: components["schemas"]["Page_ItemRead_"] } = await client.GET("/api/v1/items", {
    params: { query: { limit: 2, search: "ts-", sort: "-name", cursor } },
  });
  assert(page.data);
  items.push(...page.data.results);
  cursor = page.data.next;
} while (cursor);
assert.deepEqual(items.map((item) => item.name), ["ts-3", "ts-2", "ts-1"]);

// Overwrite only what was read.
const path = { item_id: created.data.id };
const tag = created.response.headers.get("ETag");
const change = { params: { path, header: { "if-match": tag } }, body: { quantity: 4 } };
const changed = await client.PATCH("/api/v1/items/{item_id}", change);
const late = await client.PATCH("/api/v1/items/{item_id}", change);
assert.equal(changed.data?.quantity, 4);
assert.equal(late.error?.status, 412);
