// Many texts through `/predict/batch`: in chunks, patiently, and so that one can stop at any time.

import { ask, Problem } from "./api.js";

const MAX_TEXTS = 512;
const MAX_CHARACTERS = 500_000;
const FIRST_CHARACTERS = 2_000;
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
  const most = { texts: MAX_TEXTS, characters: MAX_CHARACTERS };
  let fitting = FIRST_CHARACTERS;
  let at = 0;
  while (at < pending.length) {
    const chunk = chunkOf(pending, at, textOf, most.texts, fitting);
    try {
      const { answer, seconds } = await patiently(() => timed(chunk.texts, signal), signal, waiting);
      record(chunk.rows, answer);
      at += chunk.rows.length;
      const inTime = Math.round((chunk.characters * CHUNK_SECONDS) / seconds);
      fitting = Math.min(Math.max(inTime, FIRST_CHARACTERS), 4 * fitting, most.characters);
    } catch (error) {
      if (!(error instanceof Problem) || !TOO_MUCH.has(error.status)) throw error;
      if (chunk.rows.length > 1) {
        most.texts = Math.ceil(chunk.rows.length / 2);
        most.characters = fitting = Math.ceil(chunk.characters / 2);
        continue;
      }
      if (error.status >= 500) throw error;
      chunk.rows[0].outcome = { error: error.message };
      at += 1;
    }
    progress();
  }
}

/** Return the next rows, at least one, and their texts. */
function chunkOf(rows, at, textOf, mostTexts, mostCharacters) {
  const chunk = { rows: [], texts: [], characters: 0 };
  for (const row of rows.slice(at, at + mostTexts)) {
    const text = textOf(row);
    const characters = typeof text === "string" ? text.length : 0;
    if (chunk.rows.length && chunk.characters + characters > mostCharacters) break;
    chunk.rows.push(row);
    chunk.texts.push(text);
    chunk.characters += characters;
  }
  return chunk;
}

async function timed(texts, signal) {
  const started = performance.now();
  const answer = await ask("predict/batch", { texts }, signal);
  return { answer, seconds: (performance.now() - started) / 1000 };
}

function record(rows, { results, errors }) {
  for (const { index, sentiment, confidence, scores } of results) {
    rows[index].outcome = { sentiment, confidence, positive: scores.Positive };
  }
  for (const { index, problem } of errors) {
    // Its place is the row's own here, not the request's.
    const [fault] = problem.errors ?? [];
    rows[index].outcome = { error: fault ? `text ${fault.detail}` : problem.detail };
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
