// Use the client of Django's API, as another service does: node use_django.ts URL TOKEN
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { paths } from "./schema.d.ts";

const [url, token] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: url });

// Without a valid token, the answer is a problem.
const wrong = { headers: { Authorization: "Bearer none" } };
const refused = await client.POST("/api/v1/items", { ...wrong, body: { name: "ts-0" } });
assert.equal(refused.response.status, 401);
assert.equal(refused.error?.title, "Unauthorized");

client.use({
  onRequest({ request }) {
    request.headers.set("Authorization", `Bearer ${token}`);
  },
});

const created = await client.POST("/api/v1/items", { body: { name: "ts-1", quantity: 3 } });
assert.equal(created.response.status, 201);
assert.equal(created.data?.quantity, 3);

// An invalid value names its field.
const invalid = await client.POST("/api/v1/items", { body: { name: "ts-2", quantity: -1 } });
assert.equal(invalid.error?.errors?.[0]?.field, "body.quantity");

// All pages, one after the other.
for (const name of ["ts-2", "ts-3"]) {
  await client.POST("/api/v1/items", { body: { name } });
}
type Page = paths["/api/v1/items"]["get"]["responses"][200]["content"]["application/json"];
const names: string[] = [];
let cursor: string | null = "";
do {
  const page: { data?: Page } = await client.GET("/api/v1/items", {
    params: { query: { limit: 2, search: "ts-", sort: "-name", cursor } },
  });
  assert(page.data);
  names.push(...page.data.results.map((item) => item.name));
  cursor = page.data.next;
} while (cursor);
assert.deepEqual(names, ["ts-3", "ts-2", "ts-1"]);
