// Requests to the API, whose address is in index.html.

const API = document.querySelector("meta[name=api]").content;

/** An error that the API describes: https://www.rfc-editor.org/rfc/rfc9457. */
export class Problem extends Error {
  constructor(response, { title, detail, errors = [] }) {
    const wait = response.headers.get("Retry-After");
    super(
      [
        detail ?? title ?? `The service returned an error (${response.status}).`,
        ...errors.map((error) => `${error.field}: ${error.message}`),
        ...(wait ? [`Wait ${wait} seconds.`] : []),
      ].join(" "),
    );
    this.status = response.status;
  }
}

/** Send a request, with a body as JSON or as a form. Users see the messages of errors. */
export async function request(path, { method, json, form, headers, signal } = {}) {
  const type = json ? { "Content-Type": "application/json" } : {};
  const body = json ? JSON.stringify(json) : form && new URLSearchParams(form);
  let response;
  try {
    response = await fetch(new URL(path, API), { method, body, headers: { ...type, ...headers }, signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The service cannot be reached. Try again.");
  }
  if (response.ok) return response;
  throw new Problem(response, await response.json().catch(() => ({})));
}
