// Many texts through `/predict/batch`: in chunks, patiently, and so that one can stop at any time.

import { ask, Problem } from "./api.js";

const MAX_TEXTS = 512;
const MAX_CHARACTERS = 500_000;
const FIRST_CHUNK = 32;
const CHUNK_SECONDS = 2; // what a chunk should take: far below a gateway's 29, so that the bar moves
const TRIES = 6;
const TOO_MUCH = new Set([413, 422, 502, 504]); // as one request; in parts it may go

/**
 * Give each row that has none its `outcome`: `{sentiment, confidence, positive}` or `{error}`.
 *
 * `textOf(row)` is what is scored. `progress()` is told after each chunk, `waiting(seconds, problem)`
 * when the service asks for patience. Throws the Problem that stopped it, or an AbortError where the
 * signal says so; what was scored until then stays, and a second call goes on from there.
 */
export async function scoreRows(rows, textOf, { signal, progress, waiting }) {
  const pending = rows.filter((row) => !row.outcome);
  let ceiling = MAX_TEXTS;
  let size = FIRST_CHUNK;
  let at = 0;
  while (at < pending.length) {
    const chunk = chunkOf(pending, at, size, textOf);
    const texts = chunk.map(textOf);
    try {
      const { answer, seconds } = await patiently(() => timed(texts, signal), signal, waiting);
      record(chunk, answer);
      at += chunk.length;
      const fitting = Math.round((chunk.length * CHUNK_SECONDS) / seconds);
      size = Math.max(1, Math.min(fitting, 4 * size, ceiling));
    } catch (error) {
      if (!(error instanceof Problem) || !TOO_MUCH.has(error.status)) throw error;
      if (chunk.length > 1) {
        ceiling = size = Math.ceil(chunk.length / 2);
        continue;
      }
      if (error.status >= 500) throw error;
      chunk[0].outcome = { error: error.message };
      at += 1;
    }
    progress();
  }
}

function chunkOf(rows, at, size, textOf) {
  let end = at;
  let characters = 0;
  while (end < rows.length && end - at < size) {
    const text = textOf(rows[end]);
    characters += typeof text === "string" ? text.length : 0;
    if (characters > MAX_CHARACTERS && end > at) break;
    end += 1;
  }
  return rows.slice(at, end);
}

async function timed(texts, signal) {
  const started = performance.now();
  const answer = await ask("predict/batch", { texts }, signal);
  return { answer, seconds: (performance.now() - started) / 1000 };
}

function record(chunk, { results, errors }) {
  for (const { index, sentiment, confidence, scores } of results) {
    chunk[index].outcome = { sentiment, confidence, positive: scores.Positive };
  }
  for (const { index, problem } of errors) {
    // Its place is the row's own here, not the request's.
    const [fault] = problem.errors ?? [];
    chunk[index].outcome = { error: fault ? `text ${fault.detail}` : problem.detail };
  }
}

/** Try again where the service is only busy, or for a moment not to be reached. */
async function patiently(attempt, signal, waiting) {
  for (let tried = 1; ; tried += 1) {
    try {
      return await attempt();
    } catch (error) {
      const passing = error instanceof Problem && [0, 429, 503].includes(error.status);
      if (!passing || tried === TRIES) throw error;
      const seconds = error.retryAfter ?? 2 ** (tried - 1);
      waiting(seconds, error);
      await pause(seconds, signal);
    }
  }
}

function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(done, 1000 * seconds);
    signal.addEventListener("abort", stop, { once: true });
    function done() {
      signal.removeEventListener("abort", stop);
      resolve();
    }
    function stop() {
      clearTimeout(timer);
      reject(signal.reason);
    }
  });
}
