// How the page asks the service. Paths are relative to this file, so they hold behind any prefix.

import { key } from "./key.js";

/** What the service, or the way to it, refused: an RFC 9457 problem document. */
export class Problem extends Error {
  /**
   * @param {{title: string, status?: number, detail?: string, errors?: {pointer: string, detail: string}[], correlation_id?: string}} document
   * @param {number | null} retryAfter seconds until it is worth asking again, where the answer says so
   */
  constructor(document, retryAfter = null) {
    super(document.detail ?? document.title);
    this.document = document;
    this.status = document.status ?? 0;
    this.retryAfter = retryAfter;
  }
}

/** Return the JSON that is answered. Throws a Problem, or an AbortError where the signal says so. */
export async function ask(path, body, signal) {
  const init = { signal, headers: { accept: "application/json", ...keyHeader() } };
  if (body !== undefined) {
    init.method = "POST";
    init.headers["content-type"] = "application/json";
    init.body = JSON.stringify(body);
  }
  let answer;
  try {
    answer = await fetch(new URL(`../../${path}`, import.meta.url), init);
    if (answer.ok) return await answer.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem({
      title: "No answer",
      detail: "The service cannot be reached from here, or was cut off while it answered.",
    });
  }
  throw await refusal(answer);
}

function keyHeader() {
  return key() ? { "x-api-key": key() } : {};
}

async function refusal(answer) {
  const said = await answer.json().catch(() => ({}));
  const retryAfter = Number.parseInt(answer.headers.get("retry-after"), 10);
  const document = {
    ...said,
    status: answer.status,
    title: said.title ?? `Error ${answer.status}`,
    detail: said.detail ?? said.message ?? "The service did not say why.",
    correlation_id: said.correlation_id ?? answer.headers.get("x-correlation-id") ?? undefined,
  };
  return new Problem(document, Number.isNaN(retryAfter) ? null : retryAfter);
}
