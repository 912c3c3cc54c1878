// Many texts through `/predict/batch`: in chunks, with retries, and cancellable at any time.

import { ask, Problem } from "./api.js";
import { isNeutralRefused } from "./options.js";

const MAX_TEXTS = 512;
const MAX_CHARACTERS = 500_000;
const FIRST_CHARACTERS = 2_000;
const CHUNK_SECONDS = 2; // target for one request: far below a gateway's 29, so that the bar moves
const MAX_ATTEMPTS = 6;
const TOO_LARGE = new Set([413, 422, 502, 504]); // for one request; smaller ones may succeed
const TEMPORARY = new Set([0, 429, 503]);

/**
 * Set the `outcome` of each row that has none: `{sentiment, confidence, positive}` or `{error}`.
 *
 * `textOf(row)` is scored. With `neutral` it may be Neutral, and the outcome has a `score` too.
 * `progress()` is called after each chunk, `waiting(seconds, problem)` before a retry. Throws the Problem that stopped it, or an AbortError once the signal aborts.
 * Outcomes so far are kept, and another call continues with the other rows.
 */
export async function scoreRows(rows, textOf, { neutral, signal, progress, waiting }) {
  const pending = rows.filter((row) => !row.outcome);
  const limit = { texts: MAX_TEXTS, characters: MAX_CHARACTERS };
  let characters = FIRST_CHARACTERS;
  let next = 0;
  while (next < pending.length) {
    const chunk = chunkOf(pending, next, textOf, limit.texts, characters);
    try {
      const { answer, seconds } = await retried(
        () => timed({ texts: chunk.texts, ...(neutral && { neutral }) }, signal),
        signal,
        waiting,
      );
      record(chunk.rows, answer);
      next += chunk.rows.length;
      const inTime = Math.round((chunk.characters * CHUNK_SECONDS) / seconds);
      characters = Math.min(Math.max(inTime, FIRST_CHARACTERS), 4 * characters, limit.characters);
    } catch (error) {
      if (!(error instanceof Problem) || !TOO_LARGE.has(error.status)) throw error;
      if (isNeutralRefused(error)) throw error;
      if (chunk.rows.length > 1) {
        limit.texts = Math.ceil(chunk.rows.length / 2);
        limit.characters = characters = Math.ceil(chunk.characters / 2);
        continue;
      }
      if (error.status >= 500) throw error;
      chunk.rows[0].outcome = { error: error.message };
      next += 1;
    }
    progress();
  }
}

/** Return the next rows, at least one, and their texts. */
function chunkOf(rows, start, textOf, maxTexts, maxCharacters) {
  const chunk = { rows: [], texts: [], characters: 0 };
  for (const row of rows.slice(start, start + maxTexts)) {
    const text = textOf(row);
    const characters = typeof text === "string" ? text.length : 0;
    if (chunk.rows.length && chunk.characters + characters > maxCharacters) break;
    chunk.rows.push(row);
    chunk.texts.push(text);
    chunk.characters += characters;
  }
  return chunk;
}

async function timed(body, signal) {
  const started = performance.now();
  const answer = await ask("predict/batch", body, signal);
  return { answer, seconds: (performance.now() - started) / 1000 };
}

function record(rows, { results, errors }) {
  for (const { index, sentiment, confidence, scores, score } of results) {
    rows[index].outcome = { sentiment, confidence, positive: scores.Positive, score };
  }
  for (const { index, problem } of errors) {
    // `detail` names the text's position in the request, which is not the row's in the file.
    const [first] = problem.errors ?? [];
    rows[index].outcome = { error: first ? `text ${first.detail}` : problem.detail };
  }
}

/** Retry while the service is overloaded, limits the rate, or cannot be reached. */
async function retried(attempt, signal, waiting) {
  for (let attempts = 1; ; attempts += 1) {
    try {
      return await attempt();
    } catch (error) {
      const temporary = error instanceof Problem && TEMPORARY.has(error.status);
      if (!temporary || attempts === MAX_ATTEMPTS) throw error;
      const seconds = error.retryAfter ?? 2 ** (attempts - 1);
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
