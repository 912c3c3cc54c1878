// Transformers.js on onnxruntime-node, as its users run it. Answers bench.process.Process.
//
// node bench/peers/transformers.mjs FOLDER DTYPE MODULES: what bench.peers.prepare wrote, fp32 or
// q8, and the folder node_modules.
import { createRequire } from "node:module";
import { availableParallelism } from "node:os";
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";

const [folder, dtype, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const { env, pipeline } = require("@huggingface/transformers");

env.allowRemoteModels = false;
env.localModelPath = folder;
const classify = await pipeline("text-classification", "onnx", {
  dtype,
  device: "cpu",
  session_options: { intraOpNumThreads: availableParallelism(), interOpNumThreads: 1 },
});

for await (const line of createInterface({ input: process.stdin })) {
  const scores = [];
  const start = performance.now();
  for (const text of JSON.parse(line)) {
    const labels = await classify(text, { top_k: 3 });
    const score = Object.fromEntries(labels.map(({ label, score }) => [label, score]));
    scores.push(score.Positive - score.Negative);
  }
  const seconds = (performance.now() - start) / 1000;
  const resident_mb = process.memoryUsage.rss() / 1024 / 1024;
  process.stdout.write(`${JSON.stringify({ seconds, scores, resident_mb })}\n`);
}
