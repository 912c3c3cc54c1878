// Requests to the service. Paths are relative to this file, so they work behind any prefix.

import { key } from "./key.js";

/** A request that failed, as an RFC 9457 problem document. */
export class Problem extends Error {
  /**
   * @param {{title: string, status?: number, detail?: string, errors?: {pointer: string, detail: string}[], correlation_id?: string}} document
   * @param {number | null} retryAfter seconds to wait before another attempt, if the response says so
   */
  constructor(document, retryAfter = null) {
    super(document.detail ?? document.title);
    this.document = document;
    this.status = document.status ?? 0;
    this.retryAfter = retryAfter;
  }
}

/** Return the JSON of the response. Throws a Problem, or an AbortError once the signal aborts. */
export async function ask(path, body, signal) {
  const init = { signal, headers: { accept: "application/json", ...keyHeader() } };
  if (body !== undefined) {
    init.method = "POST";
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(new URL(`../../${path}`, import.meta.url), init);
    if (response.ok) return await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "No answer",
      detail: "The service cannot be reached, or the connection broke off.",
    });
  }
  throw await problemOf(response);
}

function keyHeader() {
  return key() ? { "x-api-key": key() } : {};
}

async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const retryAfter = Number.parseInt(response.headers.get("retry-after"), 10);
  const document = {
    ...body,
    status: response.status,
    title: body.title ?? `Error ${response.status}`,
    detail: body.detail ?? body.message ?? "The response does not say why.", // API Gateway's own
    correlation_id: body.correlation_id ?? response.headers.get("x-correlation-id") ?? undefined,
  };
  return new Problem(document, Number.isNaN(retryAfter) ? null : retryAfter);
}
