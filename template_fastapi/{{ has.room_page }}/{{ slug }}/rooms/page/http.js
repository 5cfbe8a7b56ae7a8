// Requests to the API, on the page's own origin.

const TIMEOUT = 20_000; // milliseconds

/** Send a request, with a body as JSON or as a form. Users see the messages of errors. */
export async function send(path, { json, form, headers, signal = AbortSignal.timeout(TIMEOUT) } = {}) {
  const type = json ? { "Content-Type": "application/json" } : {};
  const body = json ? JSON.stringify(json) : form && new URLSearchParams(form);
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", body, headers: { ...type, ...headers }, signal });
  } catch {
    throw new Error("The service cannot be reached.");
  }
  if (response.ok) return response;
  const { title, detail } = await response.json().catch(() => ({})); // https://www.rfc-editor.org/rfc/rfc9457
  const text = detail ?? title ?? `The service returned an error (${response.status}).`;
  throw Object.assign(new Error(text), { status: response.status });
}

/** The error of a connection that ends because its caller is unknown. A request has the same status. */
export const refused = () => Object.assign(new Error("Authentication is required."), { status: 401 });
