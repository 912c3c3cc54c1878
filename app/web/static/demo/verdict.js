// How a prediction is worded and coloured, the same on both tabs.

/** Below this confidence a prediction is uncertain; the metric `predictions_doubtful` counts the same. */
export const UNCERTAIN_BELOW = 0.7;

/** Return whether the prediction is too close to call. */
export function isUncertain({ confidence }) {
  return confidence < UNCERTAIN_BELOW;
}

/** Return the label to show and its tone: `positive`, `neutral`, `negative` or `uncertain`. */
export function verdictOf(prediction) {
  const direction = prediction.sentiment.toLowerCase();
  return isUncertain(prediction)
    ? { label: `Uncertain, leaning ${direction}`, tone: "uncertain" }
    : { label: prediction.sentiment, tone: direction };
}
